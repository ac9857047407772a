#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "base/time.h"

namespace millrace::serving {

// How an endpoint wants its Python models to be run.
struct PythonOptions {
  std::int64_t workers = 1;
  std::string environment;                      // a virtual environment's folder; "": the server's interpreter
  std::int64_t memory = 0;                      // bytes that a worker may have resident; 0: any
  Duration timeout = std::chrono::seconds(60);  // for one batch; what takes longer is killed
  auto operator<=>(const PythonOptions&) const = default;
};

}  // namespace millrace::serving
