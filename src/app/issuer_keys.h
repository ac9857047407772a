#pragma once

#include <string>

#include "base/result.h"

namespace millrace::app {

// What an issuer publishes: a file's text, or that of an http:// or https:// URL.
Result<std::string> fetch_issuer_keys(const std::string& from);

}  // namespace millrace::app
