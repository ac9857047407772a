#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "blob/s3/bucket.h"

// The XML of S3's answers.
namespace millrace::blob {

Result<Listing> parse_listing(std::string_view xml);
// The text of a child of the root: "UploadId", "ETag".
Result<std::string> parse_child(std::string_view xml, const char* name);
// An answer of status 200 may still be an error: the copying of a part, the completion of an upload.
bool is_error(std::string_view xml);
// What went wrong, in words: "NoSuchBucket: The specified bucket does not exist".
std::string error_text(std::string_view xml);
std::string completion(const std::vector<std::string>& etags);

}  // namespace millrace::blob
