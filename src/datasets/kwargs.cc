#include "datasets/kwargs.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/suggest.h"
#include "base/time.h"
#include "duck/quote.h"

namespace millrace::datasets {
namespace {

const ColumnSpec kNoColumn{.name = "?"};
const Json kNoList = Json::array();
const Json kNoObject = Json::object();

}  // namespace

std::string number_literal(const Json& number) {
  if (number.is_number_integer()) return fmt::format("{}", number.get<std::int64_t>());
  return fmt::format("{:e}", number.get<double>());
}

const Json* Kwargs::find(std::string_view key) {
  known_.emplace_back(key);
  const auto found = json_.find(std::string(key));
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

void Kwargs::fault(std::string message) {
  if (!fault_) fault_ = std::move(message);
}

const ColumnSpec& Kwargs::find_column(const Json& name) {
  if (!name.is_string()) {
    fault("a column is named by a string");
    return kNoColumn;
  }
  const auto found = std::ranges::find(columns_, name.get<std::string>(), &ColumnSpec::name);
  if (found != columns_.end()) return *found;
  std::vector<std::string> names;
  for (const ColumnSpec& column : columns_) names.push_back(column.name);
  fault(fmt::format("there is no column \"{}\"{}", name.get<std::string>(),
                    did_you_mean(name.get<std::string>(), names)));
  return kNoColumn;
}

const ColumnSpec& Kwargs::column(std::string_view key) {
  const Json* name = find(key);
  if (name != nullptr) return find_column(*name);
  fault(fmt::format("{} is missing", key));
  return kNoColumn;
}

std::vector<const ColumnSpec*> Kwargs::column_list(std::string_view key) {
  std::vector<const ColumnSpec*> columns;
  for (const Json& name : list(key)) columns.push_back(&find_column(name));
  if (columns.size() < 2) fault(fmt::format("{} needs at least two columns", key));
  return columns;
}

std::string Kwargs::text(std::string_view key) {
  const auto text = optional_text(key);
  if (!text) fault(fmt::format("{} is missing", key));
  return text.value_or("");
}

std::optional<std::string> Kwargs::optional_text(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    fault(fmt::format("{} must be a string", key));
    return std::nullopt;
  }
  return value->get<std::string>();
}

std::optional<double> Kwargs::number(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    fault(fmt::format("{} must be a number", key));
    return std::nullopt;
  }
  return value->get<double>();
}

std::optional<std::int64_t> Kwargs::integer(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) {
    fault(fmt::format("{} must be a whole number", key));
    return std::nullopt;
  }
  return value->get<std::int64_t>();
}

bool Kwargs::flag(std::string_view key, bool otherwise) {
  const Json* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) fault(fmt::format("{} must be true or false", key));
  return value->is_boolean() ? value->get<bool>() : otherwise;
}

const Json& Kwargs::list(std::string_view key) {
  const Json* value = find(key);
  if (value != nullptr && value->is_array() && !value->empty()) return *value;
  fault(fmt::format("{} must be a list with at least one value", key));
  return kNoList;
}

const Json& Kwargs::object(std::string_view key) {
  const Json* value = find(key);
  if (value != nullptr && value->is_object()) return *value;
  fault(fmt::format("{} must be a mapping", key));
  return kNoObject;
}

std::vector<std::string> Kwargs::texts(std::string_view key) {
  std::vector<std::string> texts;
  for (const Json& value : list(key)) {
    if (!value.is_string()) fault(fmt::format("{} must be a list of strings", key));
    if (value.is_string()) texts.push_back(value.get<std::string>());
  }
  return texts;
}

std::optional<std::string> Kwargs::literal(std::string_view key, duck::Type type) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  return literal_of(key, *value, type);
}

std::string Kwargs::literal_of(std::string_view key, const Json& value, duck::Type type) {
  switch (type) {
    case duck::Type::kBigint:
    case duck::Type::kDouble:
      if (value.is_number()) return number_literal(value);
      break;
    case duck::Type::kBoolean:
      if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
      break;
    case duck::Type::kVarchar:
      if (value.is_string()) return duck::quote_literal(value.get<std::string>());
      break;
    case duck::Type::kTimestamp:
      if (value.is_string()) {
        const Result<Timestamp> time = parse_time(value.get<std::string>());
        if (!time) break;
        std::string text = format_time(*time);
        text.pop_back();  // the Z
        std::ranges::replace(text, 'T', ' ');
        return "timestamp '" + text + "'";
      }
      break;
  }
  fault(fmt::format("{}: {} is not a {}", key, dump_json(value), duck::type_name(type)));
  return "null";
}

std::optional<std::string> Kwargs::finish() {
  for (const auto& [key, value] : json_.items()) {
    if (std::ranges::find(known_, key) != known_.end()) continue;
    fault(fmt::format("unknown kwarg \"{}\"{}", key, did_you_mean(key, known_)));
  }
  return fault_;
}

}  // namespace millrace::datasets
