#include "serving/scoring_spec.h"

#include <filesystem>

#include "base/bytes.h"

namespace millrace::serving {
namespace {

constexpr std::int64_t kMostWorkers = 64;
constexpr std::int64_t kMostRows = 65536;
constexpr std::int64_t kMostWaiting = 100'000;
constexpr Duration kShortestRest = std::chrono::seconds(1);
constexpr Duration kLongestRest = std::chrono::hours(30 * 24);
constexpr std::int64_t kLeastMemory = std::int64_t{64} << 20;

// A whole number between 1 and `most`.
std::optional<std::int64_t> read_count(ObjectReader& reader, std::string_view key, std::int64_t most) {
  const auto count = reader.integer(key);
  if (count && (*count < 1 || *count > most)) {
    reader.fault(key, fmt::format("\"{}\" must be between 1 and {}", key, most));
    return std::nullopt;
  }
  return count;
}

std::optional<Duration> read_length(ObjectReader& reader, std::string_view key, Duration least, Duration most) {
  const auto length = reader.duration(key);
  if (length && (*length < least || *length > most)) {
    reader.fault(key,
                 fmt::format("\"{}\" must be between {} and {}", key, format_duration(least), format_duration(most)));
    return std::nullopt;
  }
  return length;
}

std::int64_t read_memory(ObjectReader& reader) {
  const auto text = reader.string("memory");
  if (!text) return 0;
  const auto bytes = parse_bytes(*text);
  if (!bytes) reader.fault("memory", "\"memory\": " + bytes.error().message);
  if (bytes && *bytes < kLeastMemory) {
    reader.fault("memory", fmt::format("\"memory\" must be at least {}", format_bytes(kLeastMemory)));
  }
  return bytes.value_or(0);
}

PythonOptions read_python(const Node& node, Diagnostics& diagnostics) {
  PythonOptions options;
  ObjectReader reader(node, diagnostics, "\"python\"");
  options.workers = read_count(reader, "workers", kMostWorkers).value_or(options.workers);
  options.environment = reader.string("environment").value_or("");
  if (!options.environment.empty() && !std::filesystem::path(options.environment).is_absolute()) {
    reader.fault("environment", "\"environment\" must be the absolute path of a virtual environment");
  }
  options.memory = read_memory(reader);
  options.timeout =
      read_length(reader, "timeout", std::chrono::milliseconds(1), std::chrono::hours(24)).value_or(options.timeout);
  reader.finish();
  return options;
}

BatchWish read_batching(const Node& node, Diagnostics& diagnostics) {
  ObjectReader reader(node, diagnostics, "\"batching\"");
  BatchWish wish{.max_size = read_count(reader, "max_size", kMostRows),
                 .max_delay = read_length(reader, "max_delay", Duration{0}, std::chrono::seconds(10))};
  reader.finish();
  return wish;
}

}  // namespace

ScoringSpec read_scoring(ObjectReader& reader, Diagnostics& diagnostics) {
  ScoringSpec spec;
  if (const Node* node = reader.mapping("python")) spec.python = read_python(*node, diagnostics);
  if (const Node* node = reader.mapping("batching")) spec.batching = read_batching(*node, diagnostics);
  spec.concurrency = read_count(reader, "concurrency", kMostWorkers);
  spec.queue = read_count(reader, "queue", kMostWaiting).value_or(spec.queue);
  spec.scale_to_zero = read_length(reader, "scale_to_zero", kShortestRest, kLongestRest);
  return spec;
}

}  // namespace millrace::serving
