#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "blob/blob.h"
#include "blob/s3/bucket.h"

namespace millrace::blob {

// Where artifacts are kept in S3, or in what speaks its protocol.
struct S3Settings {
  BucketSettings bucket;
  std::string prefix;                                    // of every key; "" or "team/models"
  std::filesystem::path copies;                          // where local_path() keeps what it fetched
  std::uint64_t copies_limit = std::uint64_t{10} << 30;  // bytes; the longest unused go when the store is opened
};

// "s3://BUCKET/PREFIX"; the rest comes from the environment that other S3 clients read: AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION (or AWS_DEFAULT_REGION) and AWS_ENDPOINT_URL_S3 (or
// AWS_ENDPOINT_URL) for what is not Amazon's. `variable` answers a variable's value, or null.
Result<S3Settings> parse_s3_uri(std::string_view uri, const std::function<const char*(const char*)>& variable);

// Objects under their keys, each put atomic and durable as S3's are. Other than in a local store, a folder that
// replaces another is replaced file by file, and the same bytes under two keys are kept twice. Answers once the bucket
// does.
Result<std::unique_ptr<Store>> open_s3(const S3Settings& settings, const Clock& clock, IdSource& ids);

}  // namespace millrace::blob
