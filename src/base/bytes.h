#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace {

// A size in bytes: "512MiB", "1GiB", "1.5 GB", "4096". KiB, MiB, GiB and TiB are powers of 1024, kB, MB, GB and TB of
// 1000.
Result<std::int64_t> parse_bytes(std::string_view text);

// "512 MiB"; in the largest unit that leaves at least 1, with at most one decimal.
std::string format_bytes(std::int64_t bytes);

}  // namespace millrace
