#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::api::mlflow {

// A path that a client gave, made safe to be joined to a folder: percent-decoded until it is stable, without empty and
// "." parts; "" for the folder itself. kInvalidArgument, "Invalid path", where it is absolute (here or on Windows) or a
// file's URI, climbs with "..", or has a backslash, "#", a control character or what is not UTF-8.
Result<std::string> safe_path(std::string_view path);

// The same of a path that must name something.
Result<std::string> safe_file_path(std::string_view path);

}  // namespace millrace::api::mlflow
