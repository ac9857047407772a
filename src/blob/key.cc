#include "blob/key.h"

#include <algorithm>

#include "blob/blob.h"

namespace millrace::blob {

namespace {

constexpr std::string_view kScheme = "artifacts:";
constexpr std::string_view kFileScheme = "file:";
constexpr std::string_view kMlflowScheme = "mlflow-artifacts:";

bool is_plain(std::string_view part) { return !part.empty() && part != "." && part != ".."; }

bool is_allowed(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && c != '\\'; }

}  // namespace

Result<void> check_key(std::string_view key) {
  bool good = !key.starts_with('.') && std::ranges::all_of(key, is_allowed);
  for (std::size_t begin = 0; good && begin <= key.size();) {
    const std::size_t end = std::min(key.find('/', begin), key.size());
    good = is_plain(key.substr(begin, end - begin));
    begin = end + 1;
  }
  if (!good) return invalid_argument("\"{}\" is not an artifact key: a relative path of plain names is", key);
  return {};
}

Result<Location> parse_uri(std::string_view uri) {
  if (uri.starts_with(kScheme)) {
    std::string_view key = uri.substr(kScheme.size());
    if (key.starts_with('/')) key.remove_prefix(1);
    TRY(check_key(key));
    return Location{.path = std::string(key)};
  }
  if (uri.starts_with(kMlflowScheme)) {
    std::string_view path = uri.substr(kMlflowScheme.size());
    while (path.starts_with('/')) path.remove_prefix(1);
    std::string key = fmt::format("mlflow/{}", path);
    TRY(check_key(key));
    return Location{.path = std::move(key)};
  }
  if (uri.starts_with(kFileScheme)) {
    std::string_view path = uri.substr(kFileScheme.size());
    if (path.starts_with("//")) path.remove_prefix(2);
    if (path.starts_with("localhost/")) path.remove_prefix(9);
    if (path.starts_with('/')) return Location{.path = std::string(path), .outside = true};
  }
  return invalid_argument("\"{}\" is not an artifact's URI: artifacts:KEY or file:///ABSOLUTE/PATH is", uri);
}

Result<std::string> key_of(std::string_view uri) {
  Location location = TRY(parse_uri(uri));
  if (location.outside) return invalid_argument("{} lies outside of the artifact store", uri);
  return std::move(location.path);
}

std::string uri_of(std::string_view key) { return fmt::format("{}{}", kScheme, key); }

}  // namespace millrace::blob
