#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::jobs {

inline constexpr std::int64_t kLogChunk = 1 << 20;

// Up to kLogChunk bytes from `offset`; nothing where there is no file, or it is shorter.
Result<std::string> read_log_part(const std::filesystem::path& path, std::int64_t offset);

// "millrace: TEXT" as a line of its own, beside what the command wrote.
void append_log_line(const std::filesystem::path& path, std::string_view text);

}  // namespace millrace::jobs
