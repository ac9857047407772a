#include "jobs/log_file.h"

#include <fstream>

#include "base/files.h"

namespace millrace::jobs {

Result<std::string> read_log_part(const std::filesystem::path& path, std::int64_t offset) {
  if (offset < 0) return invalid_argument("the offset {} of a log is negative", offset);
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::string();
  file.seekg(offset);
  std::string bytes(kLogChunk, '\0');
  file.read(bytes.data(), kLogChunk);
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

void append_log_line(const std::filesystem::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::app);
  file << "millrace: " << text << '\n';
}

}  // namespace millrace::jobs
