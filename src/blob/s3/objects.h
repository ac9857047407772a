#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "blob/blob.h"
#include "blob/s3/bucket.h"

namespace millrace::blob {

// Writes an object piece by piece: small ones with one request, larger ones in parts. `uri` is what finish() answers.
std::unique_ptr<Writer> open_object_writer(Bucket& bucket, std::string key, std::string uri);

// Reads an object, which stays the one that it was: kAborted where it is replaced meanwhile.
Result<std::unique_ptr<Reader>> open_object_reader(Bucket& bucket, const std::string& key);

}  // namespace millrace::blob
