#include "tracking/validate.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

#include "base/json_writer.h"
#include "tracking/heartbeats.h"
#include "tracking/retention_rules.h"
#include "tracking/tracking.h"

namespace millrace::tracking {

namespace {

constexpr std::size_t kMaxKey = 250;
constexpr std::size_t kMaxExperimentName = 500;
constexpr std::size_t kMaxExperimentTagValue = 20'000;
constexpr std::size_t kMaxArtifactLocation = 2048;
constexpr std::size_t kMaxRunId = 256;
constexpr std::size_t kMaxDatasetName = 500;
constexpr std::size_t kMaxDatasetDigest = 36;
constexpr std::size_t kMaxDatasetSource = 65'535;
constexpr std::size_t kMaxDatasetSchema = 1'048'575;
constexpr std::size_t kMaxDatasetProfile = 16'777'215;
constexpr std::size_t kMaxInputTagKey = 255;
constexpr std::size_t kMaxInputTagValue = 500;

constexpr std::string_view kBadCharacters =
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes "
    "(/).";

bool is_key_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || byte >= 0x80 || std::string_view("_/.- :").contains(c);
}

bool is_id_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-'; }

bool longer(std::string_view text, std::size_t characters) { return cut(text, characters).size() < text.size(); }

// As Python's posixpath.normpath.
std::string normal_path(std::string_view path) {
  std::vector<std::string_view> parts;
  const bool absolute = path.starts_with('/');
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty() || part == ".") continue;
    const bool up = part == ".." && !parts.empty() && parts.back() != "..";
    if (up)
      parts.pop_back();
    else if (part != ".." || !absolute)
      parts.push_back(part);
  }
  const std::string joined = fmt::format("{}{}", absolute ? "/" : "", fmt::join(parts, "/"));
  return joined.empty() ? "." : joined;
}

bool is_plain_path(std::string_view name) {
  return normal_path(name) == name && name != "." && !name.starts_with("..") && !name.starts_with('/');
}

std::string quoted(std::string_view text) {
  JsonWriter out;
  out.value(text);
  return std::move(out).text();
}

std::unexpected<Error> invalid(std::string_view path, std::string_view json, std::string_view reason) {
  return invalid_argument("Invalid value {} for parameter '{}' supplied: {}", json, path, reason);
}

Result<void> check_length(std::string_view what, std::string_view text, std::size_t limit) {
  if (!longer(text, limit)) return {};
  return invalid_argument("'{}' exceeds the maximum length of {} characters", what, limit);
}

Result<void> check_name(std::string_view name, std::string_view path) {
  if (!std::ranges::all_of(name, is_key_character)) return invalid(path, quoted(name), kBadCharacters);
  if (is_plain_path(name)) return {};
  return invalid(path, quoted(name),
                 fmt::format("Names may be treated as files in certain cases, and must not resolve to other names when "
                             "treated as such. This name would resolve to '{}'",
                             normal_path(name)));
}

std::string join_path(std::string_view path, std::string_view name) {
  return path.empty() ? std::string(name) : fmt::format("{}.{}", path, name);
}

Result<void> check_params_unique(const std::vector<Param>& params) {
  std::set<std::string_view> seen;
  std::vector<std::string_view> twice;
  for (const Param& param : params) {
    if (!seen.insert(param.key).second) twice.push_back(param.key);
  }
  if (twice.empty()) return {};
  return invalid_argument(
      "Duplicate parameter keys have been submitted: ['{}']. Please ensure the request contains only one param value "
      "per param key.",
      fmt::join(twice, "', '"));
}

}  // namespace

Result<void> check_metric(const Metric& metric, std::string_view path) {
  // A good one, which nearly all are, costs no text.
  const bool good_name = std::ranges::all_of(metric.key, is_key_character) && is_plain_path(metric.key);
  if (!good_name) TRY(check_name(metric.key, join_path(path, "name")));
  if (metric.timestamp.us < 0) {
    JsonWriter value;
    value.value(metric.value);
    return invalid(join_path(path, "timestamp"), fmt::format("{}", metric.timestamp.us / 1000),
                   fmt::format("metric '{}' (value={}). Timestamp must be a nonnegative long (64-bit integer) ",
                               metric.key, std::move(value).text()));
  }
  return check_length("Metric name", metric.key, kMaxKey);
}

Result<void> check_param_key(std::string_view key, std::string_view path) {
  TRY(check_name(key, path));
  return check_length("Param key", key, kMaxKey);
}

Result<void> check_tag_key(std::string_view key, std::string_view path) {
  TRY(check_name(key, path));
  return check_length(path, key, kMaxKey);
}

Result<void> check_batch(const Batch& batch) {
  const bool alone = batch.metrics.size() == 1;
  for (std::size_t i = 0; i < batch.metrics.size(); ++i) {
    TRY(check_metric(batch.metrics[i], alone ? "" : fmt::format("metrics[{}]", i)));
  }
  for (std::size_t i = 0; i < batch.params.size(); ++i) {
    TRY(check_param_key(batch.params[i].key, fmt::format("params[{}].key", i)));
  }
  for (std::size_t i = 0; i < batch.tags.size(); ++i) {
    TRY(check_tag_key(batch.tags[i].key, fmt::format("tags[{}].key", i)));
  }
  return check_params_unique(batch.params);
}

Result<void> check_experiment_name(std::string_view name) {
  if (name.empty()) return invalid_argument("Invalid experiment name: ''");
  return check_length("name", name, kMaxExperimentName);
}

Result<void> check_experiment_tag(const Tag& tag) {
  TRY(check_tag_key(tag.key));
  if (tag.key == kHeartbeatTag) TRY(heartbeat_timeout(tag.value));
  if (is_retention_tag(tag.key)) TRY(retention_time(tag.key, tag.value));
  return check_length("value", tag.value, kMaxExperimentTagValue);
}

Result<void> check_artifact_location(std::string_view uri) {
  if (uri.contains('#') || uri.contains(';')) {
    return invalid_argument("'artifact_location' URL can't include fragments or params.");
  }
  if (uri.starts_with("runs:")) {
    return invalid_argument("Artifact location cannot be a runs:/ URI. Given: '{}'", uri);
  }
  const std::string_view query = uri.substr(std::min(uri.find('?'), uri.size()));
  if (query.contains("..")) return invalid_argument("Invalid query string: {}", query);
  if (longer(uri, kMaxArtifactLocation)) {
    return invalid_argument(
        "Invalid artifact path length. The length of the artifact path cannot be greater than {} characters.",
        kMaxArtifactLocation);
  }
  return {};
}

Result<void> check_run_id(std::string_view id) {
  const bool good = !id.empty() && std::isalnum(static_cast<unsigned char>(id.front())) != 0 &&
                    std::ranges::all_of(id, is_id_character) && id.size() <= kMaxRunId;
  if (good) return {};
  return invalid_argument("Invalid value {} for parameter 'run_id' supplied.", quoted(cut(id, kMaxRunId)));
}

Result<void> check_dataset_input(const DatasetInput& input) {
  const Dataset& dataset = input.dataset;
  TRY(check_length("name", dataset.name, kMaxDatasetName));
  TRY(check_length("digest", dataset.digest, kMaxDatasetDigest));
  TRY(check_length("source", dataset.source, kMaxDatasetSource));
  TRY(check_length("schema", dataset.schema.value_or(""), kMaxDatasetSchema));
  TRY(check_length("profile", dataset.profile.value_or(""), kMaxDatasetProfile));
  for (const Tag& tag : input.tags) {
    TRY(check_length("key", tag.key, kMaxInputTagKey));
    TRY(check_length("value", tag.value, kMaxInputTagValue));
  }
  return {};
}

Result<void> check_logged_model_name(std::string_view name) {
  if (!name.empty() && name.find_first_of("/:.%\"'") == std::string_view::npos) return {};
  return invalid_argument(
      "Invalid model name ('{}') provided. Model name must be a non-empty string and cannot contain the following "
      "characters: ('/', ':', '.', '%', '\"', \"'\")",
      name);
}

Result<std::int64_t> experiment_number(std::string_view id) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error == std::errc{} && end == id.data() + id.size()) return number;
  return invalid_argument("Invalid experiment ID '{}'. Experiment ID must be a valid integer.", id);
}

double storable(double value) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  return std::isnan(value) ? value : std::clamp(value, -kLargest, kLargest);
}

}  // namespace millrace::tracking
