#include "serving/prediction_log.h"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cmath>
#include <iterator>

#include "serving/logged_row.h"
#include "serving/logged_tensor.h"

namespace millrace::serving {
namespace {

datasets::Value of_double(double value) {
  return std::isnan(value) ? datasets::Value::null() : datasets::Value::of(value);
}

datasets::Value of_value(const sql::Value& value) {
  switch (value.kind) {
    case sql::Value::Kind::kInteger:
      return datasets::Value::of(value.integer);
    case sql::Value::Kind::kDouble:
      return of_double(value.number);
    case sql::Value::Kind::kText:
      return datasets::Value::of(value.text);
    default:
      return datasets::Value::null();
  }
}

// The columns of a model's outputs.
std::vector<duck::ColumnType> output_columns(const std::string& name, const std::vector<TensorSpec>& outputs) {
  std::vector<duck::ColumnType> columns;
  for (const TensorSpec& output : outputs) {
    const std::string own = outputs.size() == 1 ? name : fmt::format("{}_{}", name, output.name);
    std::ranges::copy(logged_columns(output, own), std::back_inserter(columns));
  }
  return columns;
}

}  // namespace

struct PredictionLog::Plan {
  std::vector<duck::ColumnType> columns;
  std::vector<Source> sources;

  // Answers the name that was free.
  std::string add(std::string name, duck::Type type, Source source) {
    while (std::ranges::find(columns, name, &duck::ColumnType::name) != columns.end()) name += '_';
    columns.push_back({name, type});
    sources.push_back(source);
    return name;
  }

  // Keeps the columns of an earlier schema in their places, so that the dataset only grows.
  void keep(const std::vector<duck::ColumnType>& earlier) {
    Plan merged;
    for (const duck::ColumnType& column : earlier) {
      const auto now = std::ranges::find(columns, column.name, &duck::ColumnType::name);
      const bool gone = now == columns.end();
      merged.columns.push_back(gone ? column : *now);
      merged.sources.push_back(gone ? Source{} : sources[static_cast<std::size_t>(now - columns.begin())]);
    }
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (std::ranges::find(earlier, columns[i].name, &duck::ColumnType::name) != earlier.end()) continue;
      merged.columns.push_back(columns[i]);
      merged.sources.push_back(sources[i]);
    }
    *this = std::move(merged);
  }
};

PredictionLog::Plan PredictionLog::plan(const PredictionSchema& schema) {
  using enum Source::Kind;
  Plan plan;
  plan.add("id", duck::Type::kVarchar, {kId});
  plan.add("event_time", duck::Type::kTimestamp, {kEventTime});
  plan.add("served_at", duck::Type::kTimestamp, {kServedAt});
  plan.add("version", duck::Type::kBigint, {kVersion});
  plan.add("route", duck::Type::kVarchar, {kRoute});
  plan.add("latency_us", duck::Type::kBigint, {kLatency});
  for (std::size_t i = 0; i < schema.inputs.size(); ++i) {
    const auto& [name, type] = schema.inputs[i];
    const bool shared = std::ranges::find(schema.features, name) != schema.features.end();
    plan.add(shared ? "input_" + name : name, type, {kInput, i});
  }
  for (std::size_t i = 0; i < schema.features.size(); ++i)
    plan.add(schema.features[i], duck::Type::kDouble, {kFeature, i});
  std::size_t at = 0;
  for (const auto& [name, type] : output_columns("prediction", schema.outputs))
    plan.add(name, type, {kPrediction, at++});
  at = 0;
  for (const auto& [alias, outputs] : schema.shadows) {
    for (const auto& [name, type] : output_columns("shadow_" + alias, outputs)) plan.add(name, type, {kShadow, at++});
  }
  return plan;
}

Result<std::unique_ptr<PredictionLog>> PredictionLog::open(datasets::Datasets& datasets, const std::string& endpoint,
                                                           PredictionSchema schema) {
  auto log = std::unique_ptr<PredictionLog>(new PredictionLog(datasets, endpoint));
  TRY(log->use(std::move(schema)));
  return log;
}

Result<void> PredictionLog::change(PredictionSchema schema) {
  const std::scoped_lock lock(reopening_);
  PredictionSchema before = schema_;
  log_.reset();  // one log at a time may be open
  const Result<void> changed = use(std::move(schema));
  if (!changed) TRY(use(std::move(before)));
  return changed;
}

Result<void> PredictionLog::commit() {
  const std::scoped_lock lock(reopening_);
  TRY(log_->commit());
  return {};
}

Result<std::vector<datasets::SealedFile>> PredictionLog::seal() {
  const std::scoped_lock lock(reopening_);
  return log_->seal();
}

Result<void> PredictionLog::drop(std::int64_t through_sequence) {
  const std::scoped_lock lock(reopening_);
  return log_->drop(through_sequence);
}

Result<std::int64_t> PredictionLog::take(std::string_view file) {
  const std::scoped_lock lock(reopening_);
  return log_->take(file);
}

Result<void> PredictionLog::use(PredictionSchema schema) {
  const std::string name = prediction_log_name(endpoint_);
  Plan plan = PredictionLog::plan(schema);
  if (const auto earlier = datasets_.find(name)) plan.keep(earlier->spec.column_types());
  datasets::LogDatasetSpec::Complements complements{.marker = "version"};
  for (std::size_t i = 0; i < plan.sources.size(); ++i) {
    if (plan.sources[i].kind == Source::Kind::kShadow) complements.columns.push_back(plan.columns[i].name);
  }
  log_ = TRY(datasets::LogDataset::open(datasets_, {.name = name,
                                                    .description = "Every prediction of endpoint " + endpoint_,
                                                    .columns = plan.columns,
                                                    .event_time = "event_time",
                                                    .key = "id",
                                                    .complements = std::move(complements)}));
  feature_columns_.assign(schema.features.size(), {});
  for (std::size_t i = 0; i < plan.sources.size(); ++i) {
    const auto& [kind, index] = plan.sources[i];
    if (kind == Source::Kind::kFeature) feature_columns_[index] = plan.columns[i].name;
  }
  sources_ = std::move(plan.sources);
  schema_ = std::move(schema);
  return {};
}

datasets::Value PredictionLog::value(const Source& source, const PredictionRow& row) {
  using enum Source::Kind;
  switch (source.kind) {
    case kNothing:
      return datasets::Value::null();
    case kId:
      return datasets::Value::of(row.id);
    case kEventTime:
      return datasets::Value::of(row.event_time);
    case kServedAt:
      return datasets::Value::of(row.served_at);
    case kVersion:
      return datasets::Value::of(row.version);
    case kRoute:
      return datasets::Value::of(row.route);
    case kLatency:
      return datasets::Value::of(row.latency_us);
    case kInput:
      return of_value(row.inputs[source.index]);
    case kFeature:
      return of_double(row.features[source.index]);
    case kPrediction:
      return of_value(row.prediction[source.index]);
    case kShadow:
      return of_value(row.shadows[source.index]);
  }
  return datasets::Value::null();
}

// All other columns are null, `version` among them: that tells it from a prediction.
datasets::Value PredictionLog::value_of_shadows(const Source& source, const PredictionRow& row) {
  using enum Source::Kind;
  const bool known = source.kind == kId || source.kind == kEventTime || source.kind == kShadow;
  return known ? value(source, row) : datasets::Value::null();
}

Result<void> PredictionLog::add_shadows(const LaterShadows& later) {
  const std::scoped_lock lock(reopening_);
  LoggedRows rows(schema_, later.rows);
  for (const auto& [alias, specs] : schema_.shadows) {
    const auto scored = std::ranges::find(later.shadows, alias, &LaterShadows::Scored::alias);
    rows.add_shadow(scored == later.shadows.end() ? std::span<const Tensor>() : scored->outputs);
  }
  for (std::size_t row = 0; row < later.rows; ++row) {
    rows.select(row);
    const std::string id = row_id(later.id, row, later.rows);
    const PredictionRow brought{.id = id, .event_time = later.event_time, .shadows = rows.shadows()};
    boost::container::small_vector<datasets::Value, 48> values;
    for (const Source& source : sources_) values.push_back(value_of_shadows(source, brought));
    TRY(log_->append({values.data(), values.size()}));
  }
  return {};
}

std::string row_id(std::string_view id, std::size_t row, std::size_t rows) {
  return rows == 1 ? std::string(id) : fmt::format("{}.{}", id, row);
}

Result<void> PredictionLog::append(const PredictionRow& row) {
  boost::container::small_vector<datasets::Value, 48> values;
  for (const Source& source : sources_) values.push_back(value(source, row));
  return log_->append({values.data(), values.size()});
}

std::string prediction_log_name(std::string_view endpoint) { return fmt::format("{}.predictions", endpoint); }

}  // namespace millrace::serving
