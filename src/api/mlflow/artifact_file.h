#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "blob/blob.h"
#include "net/request.h"
#include "net/response.h"
#include "net/stream.h"

namespace millrace::api::mlflow {

// "text/plain" for what people read, else by the extension, else "application/octet-stream".
std::string_view mime_type(std::string_view file_name);

// "attachment; filename=..." (RFC 6266), with the name in UTF-8 where it is not ASCII.
std::string attachment(std::string_view file_name);

// A file of the store as an attachment that no browser will run; ranges and entity tags are understood. `name` is what
// an error calls it. kNotFound: "No such artifact: 'NAME'"; kInvalidArgument for a folder.
Result<net::Response> send_file(blob::Store& blobs, const net::Request& request, const std::string& key,
                                std::string_view name);

// Writes a body to the store as it comes; `answer` makes the answer of what was stored.
std::unique_ptr<net::BodySink> store_body(std::unique_ptr<blob::Writer> writer,
                                          std::function<net::Response(const blob::Stored&)> answer);

}  // namespace millrace::api::mlflow
