#include "datasets/dataset_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.h"
#include "base/suggest.h"
#include "datasets/expectations.h"

namespace millrace::datasets {
namespace {

constexpr char kSchema[] = {
#embed "dataset.schema.json"
    , 0};

bool is_name(std::string_view text, std::string_view also) {
  if (text.empty() || (std::isalpha(static_cast<unsigned char>(text[0])) == 0 && text[0] != '_')) return false;
  return std::ranges::all_of(
      text, [&](unsigned char c) { return std::isalnum(c) != 0 || also.contains(static_cast<char>(c)); });
}

ColumnSpec parse_column(const Node& node, Diagnostics& diagnostics) {
  ObjectReader reader(node, diagnostics, "a column");
  ColumnSpec column{.name = reader.required_string("name"), .at = reader.at("name")};
  const auto type = reader.choice("type", {"boolean", "bigint", "double", "varchar", "timestamp"});
  if (type) column.type = *duck::find_type(*type);
  if (!type && node.find("type") == nullptr) reader.fault("type", fmt::format("column {} needs a type", column.name));
  column.description = reader.string("description").value_or("");
  reader.finish();
  if (!column.name.empty() && !is_name(column.name, "_")) {
    diagnostics.add(column.at, fmt::format("\"{}\" is not a column name; use letters, digits and _", column.name));
  }
  return column;
}

std::vector<ColumnSpec> parse_columns(ObjectReader& reader, Diagnostics& diagnostics) {
  std::vector<ColumnSpec> columns;
  const std::vector<Node>* list = reader.list("columns");
  if (list == nullptr || list->empty()) {
    reader.fault("columns", "a Dataset needs columns");
    return columns;
  }
  std::set<std::string> seen;
  for (const Node& node : *list) {
    ColumnSpec column = parse_column(node, diagnostics);
    std::string lower = column.name;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    if (!seen.insert(lower).second) diagnostics.add(column.at, fmt::format("column {} is declared twice", column.name));
    columns.push_back(std::move(column));
  }
  return columns;
}

OnFailure parse_on_failure(ObjectReader& reader) {
  const auto text = reader.choice("on_failure", {"reject", "quarantine", "warn"}).value_or("reject");
  return text == "quarantine" ? OnFailure::kQuarantine : text == "warn" ? OnFailure::kWarn : OnFailure::kReject;
}

ExpectationSpec parse_expectation(const Node& node, Diagnostics& diagnostics) {
  ObjectReader reader(node, diagnostics, "an expectation");
  ExpectationSpec expectation;
  const bool old_key = node.find("type") == nullptr && node.find("expectation_type") != nullptr;
  const std::string key = old_key ? "expectation_type" : "type";
  expectation.type = reader.required_string(key);
  expectation.at = reader.at(key);
  const Node* kwargs = reader.mapping("kwargs");
  expectation.kwargs = kwargs == nullptr ? "{}" : dump_json(kwargs->to_json());
  expectation.on_failure = parse_on_failure(reader);
  reader.any("meta");
  reader.any("id");
  reader.finish();
  return expectation;
}

void check_event_time(const DatasetSpec& spec, ObjectReader& reader) {
  if (spec.event_time.empty()) return;
  const ColumnSpec* column = spec.find_column(spec.event_time);
  if (column == nullptr) {
    std::vector<std::string> names;
    for (const ColumnSpec& c : spec.columns) names.push_back(c.name);
    reader.fault("event_time", fmt::format("dataset {} has no column \"{}\"{}", spec.name, spec.event_time,
                                           did_you_mean(spec.event_time, names)));
  } else if (column->type != duck::Type::kTimestamp) {
    reader.fault("event_time", fmt::format("the event time must be a timestamp; column {} is {}", column->name,
                                           duck::type_name(column->type)));
  }
}

}  // namespace

const ColumnSpec* DatasetSpec::find_column(std::string_view wanted) const {
  const auto found = std::ranges::find(columns, wanted, &ColumnSpec::name);
  return found == columns.end() ? nullptr : &*found;
}

std::vector<duck::ColumnType> DatasetSpec::column_types() const {
  std::vector<duck::ColumnType> types;
  for (const ColumnSpec& column : columns) types.push_back({column.name, column.type});
  return types;
}

std::optional<DatasetSpec> parse_dataset(const Node& document, Diagnostics& diagnostics) {
  const std::size_t faults = diagnostics.list.size();
  ObjectReader reader(document, diagnostics, "Dataset");
  DatasetSpec spec{.at = document.at};
  reader.string("kind");
  spec.name = reader.required_string("name");
  if (!spec.name.empty() && !is_name(spec.name, "_-")) {
    reader.fault("name", fmt::format("\"{}\" is not a dataset name; use letters, digits, _ and -", spec.name));
  }
  spec.description = reader.string("description").value_or("");
  spec.event_time = reader.required_string("event_time");
  spec.columns = parse_columns(reader, diagnostics);
  check_event_time(spec, reader);
  if (const std::vector<Node>* list = reader.list("expectations")) {
    for (const Node& node : *list) {
      spec.expectations.push_back(parse_expectation(node, diagnostics));
      if (!spec.expectations.back().type.empty())
        check_expectation(spec.expectations.back(), spec.columns, diagnostics);
    }
  }
  reader.finish();
  if (diagnostics.list.size() > faults) return std::nullopt;
  return spec;
}

std::string_view dataset_schema() { return std::string_view(kSchema, sizeof kSchema - 1); }

}  // namespace millrace::datasets
