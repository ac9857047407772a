#include "tracking/validate.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <set>

namespace millrace::tracking {

namespace {

constexpr std::size_t kMaxKey = 250;
constexpr std::size_t kMaxExperimentName = 500;

bool is_key_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || byte >= 0x80 || std::string_view("_/.- :").contains(c);
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// A relative path in its shortest form, as posixpath.normpath would leave it.
bool is_normal_path(std::string_view path) {
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return false;
    begin = end + 1;
  }
  return true;
}

}  // namespace

Result<void> check_key(std::string_view what, std::string_view key) {
  if (key.empty()) return invalid_argument("a {} needs a key", what);
  if (cut(key, kMaxKey).size() < key.size()) {
    return invalid_argument("{} key \"{}...\" is longer than {} characters", what, cut(key, 40), kMaxKey);
  }
  if (!std::ranges::all_of(key, is_key_character)) {
    return invalid_argument(
        "{} key \"{}\" may only have letters, digits, underscores, dashes, periods, spaces, colons and slashes", what,
        key);
  }
  if (!is_normal_path(key)) {
    return invalid_argument("{} key \"{}\" is not a plain relative path: it is used as a file name", what, key);
  }
  return {};
}

Result<void> check_experiment_name(std::string_view name) {
  if (name.empty()) return invalid_argument("an experiment needs a name");
  if (cut(name, kMaxExperimentName).size() < name.size()) {
    return invalid_argument("experiment name \"{}...\" is longer than {} characters", cut(name, 40),
                            kMaxExperimentName);
  }
  return {};
}

Result<void> check_batch(const Batch& batch) {
  for (const Metric& metric : batch.metrics) {
    TRY(check_key("metric", metric.key));
    if (metric.timestamp.us < 0) return invalid_argument("metric {} has a timestamp before 1970", metric.key);
  }
  std::set<std::string_view> keys;
  for (const Param& param : batch.params) {
    TRY(check_key("param", param.key));
    if (!keys.insert(param.key).second) return invalid_argument("param {} stands twice in one batch", param.key);
  }
  for (const Tag& tag : batch.tags) TRY(check_key("tag", tag.key));
  return {};
}

std::string_view cut(std::string_view text, std::size_t characters) {
  if (text.size() <= characters) return text;
  std::size_t size = 0;
  for (std::size_t seen = 0; size < text.size(); ++size) {
    if (!is_continuation(text[size]) && ++seen > characters) break;
  }
  return text.substr(0, size);
}

double storable(double value) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  return std::isnan(value) ? value : std::clamp(value, -kLargest, kLargest);
}

}  // namespace millrace::tracking
