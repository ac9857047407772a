#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace millrace::blob {

using Fields = std::vector<std::pair<std::string, std::string>>;

// Who signs. The session token is empty for keys that last.
struct Credentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;
};

// A request to S3 as it is signed: with AWS's signature version 4 ("Authenticating Requests (AWS Signature Version 4)"
// of the S3 API reference).
struct S3Request {
  std::string_view method;
  std::string path;  // "/bucket/key": percent-encoded already, as it is sent
  Fields query;      // decoded
  Fields headers;    // names in lower case; without host and x-amz-date
};

// The query as it is sent: "list-type=2&prefix=a%2F"; sorted, percent-encoded.
std::string query_text(Fields query);

// What is added to the request's headers: x-amz-date, x-amz-content-sha256, authorization and maybe
// x-amz-security-token.
Fields sign(const S3Request& request, std::string_view host, std::string_view payload_sha256,
            const Credentials& credentials, std::string_view region, Timestamp now);

// "/bucket/key?X-Amz-...": whoever has it may do what the request does, for so long.
std::string presign(S3Request request, std::string_view host, Duration lifetime, const Credentials& credentials,
                    std::string_view region, Timestamp now);

}  // namespace millrace::blob
