#include "api/http/series_request.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

namespace millrace::api {

namespace {

namespace ondemand = simdjson::ondemand;
using simdjson::SUCCESS;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::unexpected<Error> malformed(simdjson::error_code error) {
  return invalid_argument("the body is not valid JSON: {}", simdjson::error_message(error));
}

// What a value that is not of the wanted type is called; a fault of the JSON itself is one, too.
std::unexpected<Error> wrong(simdjson::error_code error, std::string_view path, std::string_view wanted) {
  if (error == simdjson::INCORRECT_TYPE || error == simdjson::NUMBER_OUT_OF_RANGE || error == simdjson::NUMBER_ERROR) {
    return invalid_argument("{} is not {}", path, wanted);
  }
  return malformed(error);
}

std::optional<double> named_number(std::string_view text) {
  std::string name(text);
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (name == "inf" || name == "infinity") return kInfinity;
  if (name == "-inf" || name == "-infinity") return -kInfinity;
  return std::nullopt;
}

Result<double> read_value(ondemand::value value, std::string_view path, std::size_t at) {
  double number = 0;
  ondemand::json_type type{};
  if (const auto error = value.type().get(type); error != SUCCESS) return malformed(error);
  if (type == ondemand::json_type::null) {
    bool is_null = false;
    if (const auto error = value.is_null().get(is_null); error != SUCCESS || !is_null) return malformed(error);
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (type == ondemand::json_type::string) {
    std::string_view text;
    if (const auto error = value.get_string().get(text); error != SUCCESS) return malformed(error);
    if (const auto named = named_number(text)) return *named;
  } else if (const auto error = value.get_double().get(number); error == SUCCESS) {
    return number;
  } else if (error != simdjson::INCORRECT_TYPE) {
    return wrong(error, fmt::format("{}[{}]", path, at), "a number");
  }
  return invalid_argument("{}[{}] is not a number; write null or \"NaN\" where there is none", path, at);
}

template <typename T, typename Read>
Result<std::vector<T>> read_list(ondemand::value value, const std::string& path, Read read) {
  ondemand::array array;
  if (const auto error = value.get_array().get(array); error != SUCCESS) return wrong(error, path, "a list");
  std::vector<T> items;
  for (auto element : array) {
    ondemand::value item;
    if (const auto error = element.get(item); error != SUCCESS) return malformed(error);
    items.push_back(TRY(read(item, path, items.size())));
  }
  return items;
}

Result<std::int64_t> read_integer(ondemand::value value, std::string_view path) {
  std::int64_t number = 0;
  if (const auto error = value.get_int64().get(number); error != SUCCESS) return wrong(error, path, "a whole number");
  return number;
}

Result<std::vector<std::int64_t>> read_integers(ondemand::value value, const std::string& path) {
  return read_list<std::int64_t>(value, path, [](ondemand::value item, std::string_view list, std::size_t at) {
    return read_integer(item, fmt::format("{}[{}]", list, at));
  });
}

// The parts of one series, as they come.
struct Parts {
  std::string key;
  std::vector<double> values;
  std::optional<std::vector<std::int64_t>> steps;
  std::optional<std::vector<std::int64_t>> timestamps;
  std::int64_t first_step = 0;
};

Result<void> read_field(std::string_view name, ondemand::value value, const std::string& path, Parts& parts) {
  const std::string here = fmt::format("{}.{}", path, name);
  if (name == "key") {
    std::string_view text;
    if (const auto error = value.get_string().get(text); error != SUCCESS) return wrong(error, here, "a text");
    parts.key = text;
  } else if (name == "values") {
    parts.values = TRY(read_list<double>(value, here, read_value));
  } else if (name == "steps") {
    parts.steps = TRY(read_integers(value, here));
  } else if (name == "timestamps") {
    parts.timestamps = TRY(read_integers(value, here));
  } else if (name == "first_step") {
    parts.first_step = TRY(read_integer(value, here));
  } else {
    return invalid_argument("{} is unknown; a series has key, values, steps, first_step and timestamps", here);
  }
  return {};
}

Result<void> check_count(const Parts& parts, const std::optional<std::vector<std::int64_t>>& list,
                         std::string_view path, std::string_view name) {
  if (!list || list->size() == parts.values.size()) return {};
  return invalid_argument("{} has {} values but {} {}", path, parts.values.size(), list->size(), name);
}

Result<tracking::NewSeries> assemble(const Parts& parts, const std::string& path, Timestamp now) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (parts.key.empty()) return invalid_argument("{} has no key", path);
  if (parts.values.empty()) return invalid_argument("{} has no values", path);
  TRY(check_count(parts, parts.steps, path, "steps"));
  TRY(check_count(parts, parts.timestamps, path, "timestamps"));
  if (parts.steps && parts.first_step != 0) return invalid_argument("{} has both steps and a first_step", path);
  if (parts.first_step > kMost - static_cast<std::int64_t>(parts.values.size())) {
    return invalid_argument("{}.first_step is too large", path);
  }
  tracking::NewSeries series{.key = parts.key, .points = {}};
  series.points.reserve(parts.values.size());
  for (std::size_t i = 0; i < parts.values.size(); ++i) {
    const std::int64_t ms = parts.timestamps ? (*parts.timestamps)[i] : now.us / 1000;
    if (ms < 0 || ms > kMost / 1000) return invalid_argument("{}.timestamps[{}] is no time", path, i);
    const std::int64_t step = parts.steps ? (*parts.steps)[i] : parts.first_step + static_cast<std::int64_t>(i);
    series.points.push_back({Timestamp{ms * 1000}, step, parts.values[i]});
  }
  return series;
}

Result<tracking::NewSeries> read_one(ondemand::value value, const std::string& path, Timestamp now) {
  ondemand::object object;
  if (const auto error = value.get_object().get(object); error != SUCCESS) return wrong(error, path, "an object");
  Parts parts;
  for (auto entry : object) {
    ondemand::field field;
    std::string_view name;
    if (const auto error = std::move(entry).get(field); error != SUCCESS) return malformed(error);
    if (const auto error = field.unescaped_key().get(name); error != SUCCESS) return malformed(error);
    TRY(read_field(name, field.value(), path, parts));
  }
  return assemble(parts, path, now);
}

Result<std::vector<tracking::NewSeries>> read_root(ondemand::object root, Timestamp now) {
  std::vector<tracking::NewSeries> all;
  for (auto entry : root) {
    ondemand::field field;
    std::string_view name;
    if (const auto error = std::move(entry).get(field); error != SUCCESS) return malformed(error);
    if (const auto error = field.unescaped_key().get(name); error != SUCCESS) return malformed(error);
    if (name != "series") return invalid_argument("\"{}\" is unknown; the body has one list, \"series\"", name);
    auto list = TRY(read_list<tracking::NewSeries>(field.value(), "series",
                                                   [&](ondemand::value item, std::string_view path, std::size_t at) {
                                                     return read_one(item, fmt::format("{}[{}]", path, at), now);
                                                   }));
    std::ranges::move(list, std::back_inserter(all));
  }
  if (all.empty()) return invalid_argument("\"series\" is missing or empty");
  return all;
}

}  // namespace

Result<std::vector<tracking::NewSeries>> read_series(std::string_view body, Timestamp now) {
  const simdjson::padded_string padded(body);
  ondemand::parser parser;
  ondemand::document document;
  ondemand::object root;
  if (const auto error = parser.iterate(padded).get(document); error != SUCCESS) return malformed(error);
  if (const auto error = document.get_object().get(root); error != SUCCESS)
    return wrong(error, "the body", "an object");
  auto series = TRY(read_root(root, now));
  const char* rest = nullptr;
  if (document.current_location().get(rest) == SUCCESS)
    return invalid_argument("the body is not valid JSON: something follows its object");
  return series;
}

}  // namespace millrace::api
