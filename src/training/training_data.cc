#include "training/training_data.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <set>

#include "base/suggest.h"
#include "duck/duck.h"

namespace millrace::training {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

using Columns = std::vector<duck::ColumnType>;

Result<duck::Type> type_of(const Columns& columns, const std::string& name) {
  const auto found = std::ranges::find(columns, name, &duck::ColumnType::name);
  if (found != columns.end()) return found->type;
  std::vector<std::string> names;
  for (const duck::ColumnType& column : columns) names.push_back(column.name);
  return invalid_argument("the training set has no column \"{}\"{}", name, did_you_mean(name, names));
}

Result<void> check_number(const Columns& columns, const std::string& name, std::string_view role) {
  const duck::Type type = TRY(type_of(columns, name));
  if (type == duck::Type::kVarchar || type == duck::Type::kTimestamp) {
    return invalid_argument("{} \"{}\" is of type {}; it must be a number or a boolean", role, name,
                            duck::type_name(type));
  }
  return {};
}

Result<void> check_columns(const Columns& columns, const TrainRequest& request) {
  std::set<std::string> seen;
  for (const std::string& feature : request.features) {
    TRY(check_number(columns, feature, "feature"));
    if (!seen.insert(feature).second) return invalid_argument("feature \"{}\" is given twice", feature);
    if (feature == request.label) return invalid_argument("\"{}\" is the label and cannot be a feature", feature);
  }
  TRY(check_number(columns, request.label, "label"));
  if (request.holdout <= Duration{0}) return {};
  if (request.event_time.empty()) return invalid_argument("a holdout needs an event time column");
  if (TRY(type_of(columns, request.event_time)) != duck::Type::kTimestamp) {
    return invalid_argument("event time \"{}\" is not a timestamp", request.event_time);
  }
  return {};
}

Result<std::optional<Timestamp>> split_time(duck::Connection& connection, const TrainRequest& request,
                                            const std::string& source) {
  if (request.holdout <= Duration{0}) return std::nullopt;
  const duck::Table newest = TRY(connection.query(fmt::format("select max({}) from {} where {} is not null",
                                                              duck::quote_identifier(request.event_time), source,
                                                              duck::quote_identifier(request.label))));
  if (newest.columns[0].is_null(0)) return std::nullopt;
  return Timestamp{newest.columns[0].ints[0]} - request.holdout;
}

std::string select_rows(const TrainRequest& request, bool with_time, const std::string& source) {
  std::vector<std::string> columns;
  for (const std::string& feature : request.features) {
    columns.push_back(fmt::format("cast({} as double)", duck::quote_identifier(feature)));
  }
  columns.push_back(fmt::format("cast({} as double)", duck::quote_identifier(request.label)));
  if (with_time) columns.push_back(duck::quote_identifier(request.event_time));
  return fmt::format("select {} from {}", fmt::join(columns, ", "), source);
}

float as_float(const duck::Column& column, std::size_t row) {
  return column.is_null(row) ? kMissing : static_cast<float>(column.doubles[row]);
}

void append_row(const duck::Table& chunk, std::size_t row, std::size_t features, TrainingData& data) {
  const duck::Column& label = chunk.columns[features];
  if (label.is_null(row)) {
    ++data.rows_without_label;
    return;
  }
  const bool newest = data.split && !chunk.columns[features + 1].is_null(row) &&
                      Timestamp{chunk.columns[features + 1].ints[row]} > *data.split;
  Rows& rows = newest ? data.holdout : data.train;
  for (std::size_t feature = 0; feature < features; ++feature) {
    rows.values.push_back(as_float(chunk.columns[feature], row));
  }
  rows.labels.push_back(as_float(label, row));
}

}  // namespace

Result<TrainingData> read_training_data(duck::Connection& connection, const TrainRequest& request) {
  if (request.parquet.empty()) return invalid_argument("there is no training set to read");
  if (request.features.empty()) return invalid_argument("there are no features to train on");
  const std::string source = duck::read_parquet_sql(request.parquet);
  TRY(check_columns(TRY(connection.describe("select * from " + source)), request));

  TrainingData data;
  data.split = TRY(split_time(connection, request, source));
  const std::size_t features = request.features.size();
  TRY(connection.stream(select_rows(request, data.split.has_value(), source), [&](duck::Table& chunk) -> Result<void> {
    for (std::size_t row = 0; row < chunk.rows; ++row) append_row(chunk, row, features, data);
    return {};
  }));
  if (data.train.size() == 0) {
    return failed_precondition("no row to train on: {} in the holdout, {} without a label", data.holdout.size(),
                               data.rows_without_label);
  }
  return data;
}

}  // namespace millrace::training
