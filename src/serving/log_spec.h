#pragma once

#include <string_view>

#include "base/document.h"

namespace millrace::serving {

// What an Endpoint document says about its prediction log: `log`.
struct LogSpec {
  double sample = 1;  // the share of requests that are logged, from 0 to 1
  bool operator==(const LogSpec&) const = default;
};

// The value of a document's key `log`; faults go to `diagnostics`.
LogSpec parse_log(const Node& node, Diagnostics& diagnostics);

// Whether a request is logged: by its id, so that everybody who knows the id decides alike.
bool is_logged(const LogSpec& spec, std::string_view id);

}  // namespace millrace::serving
