#include "monitoring/window_result.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace millrace::monitoring {
namespace {

// NaN and infinities are null in JSON.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

double read_number(const Json& json) {
  return json.is_number() ? json.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

Json numbers(const std::map<std::string, double>& values) {
  Json json = Json::object();
  for (const auto& [name, value] : values) json[name] = number(value);
  return json;
}

std::map<std::string, double> read_numbers(const Json& json) {
  std::map<std::string, double> values;
  for (const auto& [name, value] : json.items()) values[name] = read_number(value);
  return values;
}

Timestamp read_time(const Json& json) { return parse_time(json.get_ref<const std::string&>()).value_or(Timestamp{}); }

template <typename T, typename Write>
Json list(const std::vector<T>& items, Write write) {
  Json json = Json::array();
  for (const T& item : items) json.push_back(write(item));
  return json;
}

template <typename Read>
auto read_list(const Json& json, Read read) {
  std::vector<decltype(read(json))> items;
  for (const Json& item : json) items.push_back(read(item));
  return items;
}

Json write_bin(const CalibrationBin& bin) {
  return {{"mean_prediction", bin.mean_prediction}, {"share_positive", bin.share_positive}, {"rows", bin.rows}};
}

CalibrationBin read_bin(const Json& json) {
  return {json.at("mean_prediction").get<double>(), json.at("share_positive").get<double>(),
          json.at("rows").get<std::int64_t>()};
}

Json write_performance(const Performance& performance) {
  return {{"column", performance.column},
          {"rows", performance.rows},
          {"mean_prediction", number(performance.mean_prediction)},
          {"metrics", numbers(performance.metrics)},
          {"calibration", list(performance.calibration, write_bin)}};
}

Performance read_performance(const Json& json) {
  return {.column = json.at("column").get<std::string>(),
          .rows = json.at("rows").get<std::int64_t>(),
          .mean_prediction = read_number(json.at("mean_prediction")),
          .metrics = read_numbers(json.at("metrics")),
          .calibration = read_list(json.at("calibration"), read_bin)};
}

Json write_version(const VersionShare& share) {
  return {{"version", share.version}, {"predictions", share.predictions}, {"first", format_time(share.first)}};
}

VersionShare read_version(const Json& json) {
  return {json.at("version").get<std::string>(), json.at("predictions").get<std::int64_t>(),
          read_time(json.at("first"))};
}

Json write_column(const ColumnDrift& column) {
  return {{"name", column.name},
          {"method", column.method},
          {"score", number(column.score)},
          {"threshold", column.threshold},
          {"drifted", column.drifted},
          {"psi", number(column.psi)},
          {"reference_rows", column.reference_rows},
          {"reference_missing", column.reference_missing},
          {"current_rows", column.current_rows},
          {"current_missing", column.current_missing}};
}

ColumnDrift read_column(const Json& json) {
  return {.name = json.at("name").get<std::string>(),
          .method = json.at("method").get<std::string>(),
          .score = read_number(json.at("score")),
          .threshold = read_number(json.at("threshold")),
          .drifted = json.at("drifted").get<bool>(),
          .psi = read_number(json.at("psi")),
          .reference_rows = json.at("reference_rows").get<std::int64_t>(),
          .reference_missing = json.at("reference_missing").get<std::int64_t>(),
          .current_rows = json.at("current_rows").get<std::int64_t>(),
          .current_missing = json.at("current_missing").get<std::int64_t>()};
}

Json write_drift(const WindowResult& result) {
  return {{"drifted", result.drift.drifted},
          {"drifted_columns", result.drift.drifted_columns},
          {"share", result.drift.share},
          {"columns", list(result.columns, write_column)}};
}

WindowResult read_result(const Json& json) {
  const Json& drift = json.at("drift");
  return {.monitor = json.at("monitor").get<std::string>(),
          .endpoint = json.at("endpoint").get<std::string>(),
          .window = {read_time(json.at("window_start")), read_time(json.at("window_end"))},
          .computed_at = read_time(json.at("computed_at")),
          .partial = json.at("partial").get<bool>(),
          .predictions = json.at("predictions").get<std::int64_t>(),
          .labelled = json.at("labelled").get<std::int64_t>(),
          .share_positive = read_number(json.at("share_positive")),
          .versions = read_list(json.at("versions"), read_version),
          .version = json.at("version").get<std::string>(),
          .performance = read_list(json.at("performance"), read_performance),
          .columns = read_list(drift.at("columns"), read_column),
          .drift = {drift.at("drifted_columns").get<std::int64_t>(), drift.at("share").get<double>(),
                    drift.at("drifted").get<bool>()},
          .reference_metrics = read_numbers(json.at("reference_metrics")),
          .notes = json.at("notes").get<std::vector<std::string>>()};
}

}  // namespace

double WindowResult::label_rate() const {
  return predictions == 0 ? std::numeric_limits<double>::quiet_NaN()
                          : static_cast<double>(labelled) / static_cast<double>(predictions);
}

const Performance* WindowResult::live() const {
  return !performance.empty() && performance.front().column == "prediction" ? &performance.front() : nullptr;
}

Json to_json(const WindowResult& result) {
  return {{"monitor", result.monitor},
          {"endpoint", result.endpoint},
          {"window_start", format_time(result.window.start)},
          {"window_end", format_time(result.window.end)},
          {"computed_at", format_time(result.computed_at)},
          {"partial", result.partial},
          {"predictions", result.predictions},
          {"labelled", result.labelled},
          {"label_rate", number(result.label_rate())},
          {"share_positive", number(result.share_positive)},
          {"versions", list(result.versions, write_version)},
          {"version", result.version},
          {"performance", list(result.performance, write_performance)},
          {"drift", write_drift(result)},
          {"reference_metrics", numbers(result.reference_metrics)},
          {"notes", result.notes}};
}

Json to_json(const Alert& alert) {
  return {{"id", alert.id},
          {"monitor", alert.monitor},
          {"alert", alert.alert},
          {"window_start", format_time(alert.window.start)},
          {"window_end", format_time(alert.window.end)},
          {"event_time", format_time(alert.event_time)},
          {"metric", alert.metric},
          {"value", number(alert.value)},
          {"threshold", number(alert.threshold)},
          {"message", alert.message}};
}

Result<WindowResult> window_result_from_json(const Json& json) {
  try {
    return read_result(json);
  } catch (const Json::exception& error) {
    return data_loss("a stored window cannot be read: {}", error.what());
  }
}

}  // namespace millrace::monitoring
