#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "blob/s3/signature.h"
#include "net/client.h"

namespace millrace::blob {

// Where a bucket is, and who we are there.
struct BucketSettings {
  std::string endpoint;  // "https://s3.eu-central-1.amazonaws.com"; the bucket is the first part of the path
  std::string region = "us-east-1";
  std::string bucket;
  Credentials credentials;
};

struct Object {
  std::string key;
  std::uint64_t size = 0;
  std::string etag;    // without quotes
  std::string sha256;  // where it was put with one and asked for alone
  Timestamp modified;
};

struct Listing {
  std::vector<Object> objects;
  std::vector<std::string> folders;  // keys up to and with the delimiter
  std::string next;                  // "" at the end
};

struct ListRequest {
  std::string prefix;
  std::string delimiter;  // "" for all that begins with the prefix
  std::string after;      // the `next` of the listing before
  int most = 1000;
};

// One bucket of S3, or of a server that speaks its protocol: one method a request, each made again where the server or
// the connection faltered. Thread-safe; as many connections as threads that use it at once.
//
// Errors: kNotFound, kPermissionDenied, kUnavailable, kInvalidArgument with the server's code and message.
class Bucket {
 public:
  static Result<std::unique_ptr<Bucket>> open(BucketSettings settings, const Clock& clock);

  // The checksum, where it is given, is that of the bytes, and is kept with the object.
  Result<void> put(std::string_view key, std::string_view bytes, std::string_view sha256);
  Result<Object> head(std::string_view key);
  // Bytes from `offset` on, fewer at the end. kAborted where the object is another one than that with the etag.
  Result<std::string> get(std::string_view key, std::string_view etag, std::uint64_t offset, std::uint64_t count);
  Result<void> remove(std::string_view key);  // nothing to remove is no error
  Result<Listing> list(const ListRequest& request);
  // All pages; `visit` gets each.
  Result<void> list_all(std::string prefix, const std::function<Result<void>(const Object&)>& visit);

  // Objects in parts: answers the upload's id; the parts' etags; done.
  Result<std::string> begin_parts(std::string_view key);
  Result<std::string> put_part(std::string_view key, std::string_view upload, int number, std::string_view bytes);
  Result<std::string> copy_part(std::string_view key, std::string_view upload, int number, std::string_view from);
  Result<void> complete_parts(std::string_view key, std::string_view upload, const std::vector<std::string>& etags);
  Result<void> abort_parts(std::string_view key, std::string_view upload);

  // A URL by which anybody may do this to the object, for so long. GET answers an attachment.
  std::string presigned(std::string_view method, std::string_view key, Duration lifetime) const;

 private:
  Bucket(BucketSettings settings, const Clock& clock) : settings_(std::move(settings)), clock_(clock) {}
  // `payload_sha256` is made where it is not known.
  Result<net::ClientResponse> send(const S3Request& request, std::string_view body = {},
                                   std::string payload_sha256 = {});
  Result<net::ClientResponse> attempt(const net::ClientRequest& request);
  std::string path_of(std::string_view key) const;
  std::string host() const;

  const BucketSettings settings_;
  const Clock& clock_;
  std::mutex mutex_;
  std::vector<net::Client> idle_;
};

}  // namespace millrace::blob
