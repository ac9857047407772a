#include "transfer/wire.h"

#include <boost/describe.hpp>
#include <boost/mp11.hpp>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "db/value.h"

namespace millrace::tracking {
BOOST_DESCRIBE_STRUCT(Tag, (), (key, value))
BOOST_DESCRIBE_STRUCT(Param, (), (key, value))
BOOST_DESCRIBE_STRUCT(Metric, (), (key, value, timestamp, step, dataset_name, dataset_digest))
BOOST_DESCRIBE_STRUCT(Dataset, (), (name, digest, source_type, source, schema, profile))
BOOST_DESCRIBE_STRUCT(DatasetInput, (), (dataset, tags))
BOOST_DESCRIBE_STRUCT(ModelOutput, (), (model_id, step))
BOOST_DESCRIBE_STRUCT(Experiment, (),
                      (id, name, artifact_location, lifecycle_stage, creation_time, last_update_time, tags))
BOOST_DESCRIBE_STRUCT(Run, (),
                      (id, experiment_id, name, status, start_time, end_time, lifecycle_stage, deleted_time,
                       artifact_uri, user_id, params, tags, inputs, model_inputs, model_outputs))
BOOST_DESCRIBE_STRUCT(ModelMetric, (), (metric, run_id))
BOOST_DESCRIBE_STRUCT(LoggedModel, (),
                      (id, experiment_id, name, creation_time, last_update_time, artifact_uri, status, status_message,
                       model_type, source_run_id, lifecycle_stage, params, tags, metrics))
BOOST_DESCRIBE_STRUCT(AssessmentError, (), (code, message, stack_trace))
BOOST_DESCRIBE_STRUCT(Assessment, (),
                      (id, trace_id, name, kind, value, error, source_type, source_id, rationale, metadata, span_id,
                       create_time, last_update_time, overrides, valid))
BOOST_DESCRIBE_STRUCT(Attribute, (), (key, json))
BOOST_DESCRIBE_STRUCT(Span, (),
                      (trace_id, id, parent_id, name, start_ns, end_ns, status, status_message, attributes, events,
                       links))
BOOST_DESCRIBE_STRUCT(TraceInfo, (),
                      (id, experiment_id, client_request_id, request_preview, response_preview, request_time,
                       execution_ms, state, metadata, tags, assessments))
BOOST_DESCRIBE_STRUCT(Trace, (), (info, spans))
BOOST_DESCRIBE_STRUCT(PromptVersion, (), (name, version))
BOOST_DESCRIBE_STRUCT(EvaluationDataset, (),
                      (id, name, digest, schema, profile, created_time, last_update_time, created_by, last_updated_by,
                       tags, experiment_ids))
BOOST_DESCRIBE_STRUCT(EvaluationRecord, (),
                      (id, inputs, outputs, expectations, tags, source, source_id, source_type, created_time,
                       last_update_time, created_by, last_updated_by))
}  // namespace millrace::tracking

namespace millrace::registry {
BOOST_DESCRIBE_STRUCT(Tag, (), (key, value))
BOOST_DESCRIBE_STRUCT(Alias, (), (name, version))
BOOST_DESCRIBE_STRUCT(Folder, (), (flavors, input_example, pickles))
BOOST_DESCRIBE_STRUCT(Model, (), (name, description, creation_time, last_updated_time, aliases, tags))
BOOST_DESCRIBE_STRUCT(ModelVersion, (),
                      (model, version, source, storage, run_id, run_link, model_id, user_id, stage, signature, folder,
                       description, pipeline_run, creation_time, last_updated_time, aliases, tags))
}  // namespace millrace::registry

namespace millrace::transfer {

BOOST_DESCRIBE_STRUCT(TraceRecord, (), (trace, run_ids, prompts))
BOOST_DESCRIBE_STRUCT(EvaluationSet, (), (dataset, records))
BOOST_DESCRIBE_STRUCT(Series, (), (key, timestamps, steps, values))

namespace {

template <typename T>
constexpr bool is_list = false;
template <typename T>
constexpr bool is_list<std::vector<T>> = true;
template <typename T>
constexpr bool is_optional = false;
template <typename T>
constexpr bool is_optional<std::optional<T>> = true;
template <typename T>
using Members = boost::describe::describe_members<T, boost::describe::mod_public>;
template <typename T>
concept Described = boost::describe::has_describe_members<T>::value;

template <typename T>
Json write(const T& value) {
  if constexpr (is_optional<T>) {
    return value ? write(*value) : Json(nullptr);
  } else if constexpr (is_list<T>) {
    Json list = Json::array();
    for (const auto& item : value) list.push_back(write(item));
    return list;
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    return format_time(value);
  } else if constexpr (db::TextEnum<T>) {
    return std::string(to_text(value));
  } else if constexpr (Described<T>) {
    Json object = Json::object();
    boost::mp11::mp_for_each<Members<T>>([&](auto member) {
      Json held = write(value.*member.pointer);
      const bool empty = held.is_null() || (held.is_string() && held.get_ref<const std::string&>().empty()) ||
                         (held.is_array() && held.empty());
      if (!empty) object[member.name] = std::move(held);
    });
    return object;
  } else {
    return value;  // a NaN becomes null when it is written
  }
}

std::unexpected<Error> wrong(const std::string& where, std::string_view wanted) {
  return invalid_argument("{} must be {}", where.empty() ? "the record" : where, wanted);
}

template <typename T>
Result<void> read(const Json& json, const std::string& where, T& value);

template <Described T>
Result<void> read_object(const Json& json, const std::string& where, T& value) {
  if (!json.is_object()) return wrong(where, "an object");
  for (const auto& [name, held] : json.items()) {
    bool known = false;
    Result<void> status;
    boost::mp11::mp_for_each<Members<T>>([&](auto member) {
      if (name != member.name) return;
      known = true;
      status = read(held, where.empty() ? name : where + "." + name, value.*member.pointer);
    });
    if (!known) return invalid_argument("unknown member \"{}\" of {}", name, where.empty() ? "the record" : where);
    TRY(status);
  }
  return {};
}

template <typename T>
Result<void> read(const Json& json, const std::string& where, T& value) {
  if constexpr (is_optional<T>) {
    if (!json.is_null()) return read(json, where, value.emplace());
  } else if constexpr (is_list<T>) {
    if (!json.is_array()) return wrong(where, "a list");
    value.resize(json.size());
    for (std::size_t i = 0; i < json.size(); ++i) TRY(read(json[i], fmt::format("{}[{}]", where, i), value[i]));
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!json.is_string()) return wrong(where, "a text");
    value = json.get<std::string>();
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    const auto time = json.is_string() ? parse_time(json.get<std::string>()) : wrong(where, "a time");
    if (!time) return wrong(where, "a time, such as \"2026-03-01T06:00:00Z\"");
    value = *time;
  } else if constexpr (db::TextEnum<T>) {
    if (!json.is_string() || !from_text(json.get<std::string>(), value)) return wrong(where, "one of its names");
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!json.is_boolean()) return wrong(where, "true or false");
    value = json.get<bool>();
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!json.is_number() && !json.is_null()) return wrong(where, "a number or null");
    value = json.is_null() ? std::numeric_limits<T>::quiet_NaN() : json.get<T>();
  } else if constexpr (std::is_integral_v<T>) {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    const bool fits = !json.is_number_unsigned() || json.get<std::uint64_t>() <= kMost;
    if (!json.is_number_integer() || !fits) return wrong(where, "a whole number of 64 bits");
    value = json.get<T>();
  } else {
    return read_object(json, where, value);
  }
  return {};
}

}  // namespace

Series to_series(const std::string& key, std::span<const tracking::Metric> points) {
  Series series{.key = key};
  for (const tracking::Metric& point : points) {
    series.timestamps.push_back(point.timestamp.us);
    series.steps.push_back(point.step);
    series.values.push_back(point.value);
  }
  return series;
}

Result<std::vector<tracking::Metric>> to_points(const std::vector<Series>& series) {
  std::vector<tracking::Metric> points;
  for (const Series& one : series) {
    if (one.timestamps.size() != one.steps.size() || one.steps.size() != one.values.size()) {
      return invalid_argument("the metric \"{}\" has {} timestamps, {} steps and {} values", one.key,
                              one.timestamps.size(), one.steps.size(), one.values.size());
    }
    for (std::size_t i = 0; i < one.steps.size(); ++i) {
      points.push_back(
          {.key = one.key, .value = one.values[i], .timestamp = {one.timestamps[i]}, .step = one.steps[i]});
    }
  }
  return points;
}

Json to_json(const tracking::Experiment& experiment) { return write(experiment); }
Json to_json(const tracking::Run& run) { return write(run); }
Json to_json(const tracking::LoggedModel& model) { return write(model); }
Json to_json(const TraceRecord& record) { return write(record); }
Json to_json(const EvaluationSet& set) { return write(set); }
Json to_json(const registry::Model& model) { return write(model); }
Json to_json(const registry::ModelVersion& version) { return write(version); }
Json to_json(const std::vector<Series>& series) { return write(series); }

Json to_json(const std::map<std::string, std::int64_t>& counts) {
  Json object = Json::object();
  for (const auto& [key, count] : counts) object[key] = count;
  return object;
}

Result<void> from_json(const Json& json, tracking::Experiment& experiment) { return read(json, "", experiment); }
Result<void> from_json(const Json& json, tracking::Run& run) { return read(json, "", run); }
Result<void> from_json(const Json& json, tracking::LoggedModel& model) { return read(json, "", model); }
Result<void> from_json(const Json& json, TraceRecord& record) { return read(json, "", record); }
Result<void> from_json(const Json& json, EvaluationSet& set) { return read(json, "", set); }
Result<void> from_json(const Json& json, registry::Model& model) { return read(json, "", model); }
Result<void> from_json(const Json& json, registry::ModelVersion& version) { return read(json, "", version); }
Result<void> from_json(const Json& json, std::vector<Series>& series) { return read(json, "series", series); }

Result<void> from_json(const Json& json, std::map<std::string, std::int64_t>& counts) {
  if (!json.is_object()) return wrong("points", "an object");
  for (const auto& [key, count] : json.items()) TRY(read(count, key, counts[key]));
  return {};
}

}  // namespace millrace::transfer
