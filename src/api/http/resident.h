#pragma once

#include <unistd.h>

#include <cstdint>
#include <fstream>

namespace millrace::api {

// Of this process.
inline std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace millrace::api
