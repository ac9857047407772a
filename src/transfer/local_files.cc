#include "transfer/local_files.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <system_error>

namespace millrace::transfer {

namespace fs = std::filesystem;

namespace {

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const bool code = text[i] == '%' && i + 2 < text.size() &&
                      std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr == text.data() + i + 3;
    out += code ? static_cast<char>(byte) : text[i];
    if (code) i += 2;
  }
  return out;
}

// "///a/b" and "/a/b" as "/a/b"; "//HOST/a" of a server's URI loses its host.
std::string path_of(std::string_view rest) {
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    rest.remove_prefix(std::min(rest.find('/'), rest.size()));
  }
  return percent_decoded(rest);
}

Timestamp modified(const fs::directory_entry& entry) {
  std::error_code error;
  const auto at = std::chrono::file_clock::to_sys(entry.last_write_time(error));
  return {std::chrono::duration_cast<std::chrono::microseconds>(at.time_since_epoch()).count()};
}

// Whether the path leaves its root.
bool climbs(const fs::path& path) { return std::ranges::find(path, fs::path("..")) != path.end(); }

}  // namespace

std::optional<fs::path> local_folder(std::string_view uri, const fs::path& base, const fs::path& artifact_root) {
  constexpr std::string_view kFile = "file:";
  constexpr std::string_view kProxied = "mlflow-artifacts:";
  if (uri.starts_with(kFile)) return fs::path(path_of(uri.substr(kFile.size())));
  if (uri.starts_with(kProxied)) {
    const fs::path below = fs::path(path_of(uri.substr(kProxied.size()))).relative_path();
    if (artifact_root.empty() || climbs(below)) return std::nullopt;
    return artifact_root / below;
  }
  const auto colon = uri.find(':');
  if (uri.empty() || (colon != std::string_view::npos && uri.substr(0, colon).find('/') == std::string_view::npos)) {
    return std::nullopt;
  }
  return base / fs::path(uri);
}

Result<std::vector<SourceFile>> files_below(const fs::path& folder) {
  std::vector<SourceFile> files;
  std::error_code error;
  if (!fs::is_directory(folder, error)) return files;
  for (auto entry = fs::recursive_directory_iterator(folder, error); !error && entry != fs::end(entry);
       entry.increment(error)) {
    if (entry->is_symlink(error) || !entry->is_regular_file(error)) continue;
    files.push_back({.path = entry->path().lexically_relative(folder).generic_string(),
                     .size = entry->file_size(error),
                     .modified = modified(*entry)});
  }
  if (error) return unavailable("cannot read the folder {}: {}", folder.string(), error.message());
  std::ranges::sort(files, {}, &SourceFile::path);
  return files;
}

}  // namespace millrace::transfer
