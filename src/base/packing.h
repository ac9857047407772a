#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace {

// The packings of HTTP's Content-Encoding.
enum class Packing {
  kGzip,
  kDeflate,  // zlib's, and what some programs send under the name: without its header
};

// What was packed. kInvalidArgument for what is not that or ends early, kResourceExhausted for more than `most` bytes,
// of which no more is made.
Result<std::string> unpack(std::string_view bytes, Packing packing, std::size_t most);

// Packed as fast as can be. For both, programs that follow the standard unpack it.
std::string pack(std::string_view bytes, Packing packing);

}  // namespace millrace
