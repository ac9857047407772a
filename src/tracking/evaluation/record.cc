#include "tracking/evaluation/record.h"

#include <nlohmann/json.hpp>

#include "base/hash.h"

namespace millrace::tracking {

namespace {

constexpr const char* kUser = "mlflow.user";

const Json* find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::optional<std::string> text_in(const Json& object, const char* key) {
  const Json* found = find(object, key);
  return found != nullptr && found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
}

std::optional<std::string> json_in(const Json& object, const char* key) {
  const Json* found = find(object, key);
  return found != nullptr ? std::optional(dump_json(*found)) : std::nullopt;
}

Result<void> check(const Json& record) {
  if (!record.is_object()) return invalid_argument("A record of an evaluation dataset must be an object.");
  for (const char* key : {"inputs", "expectations", "tags", "source"}) {
    const Json* part = find(record, key);
    if (part != nullptr && !part->is_object()) return invalid_argument("A record's {} must be an object.", key);
  }
  return {};
}

std::optional<std::string> user_of(const Json& record) {
  const Json* tags = find(record, "tags");
  return tags != nullptr ? text_in(*tags, kUser) : std::nullopt;
}

void set_source(const Json& record, EvaluationRecord& made) {
  const Json* source = find(record, "source");
  if (source == nullptr) return;
  made.source = dump_json(*source);
  made.source_type = text_in(*source, "source_type");
  const Json* data = find(*source, "source_data");
  if (data == nullptr || !data->is_object()) return;
  made.source_id = text_in(*data, made.source_type == "TRACE" ? "trace_id" : "source_id");
}

std::optional<std::string> added(const std::optional<std::string>& old, const Json* more) {
  if (more == nullptr || more->empty()) return old;
  Json sum = Json::object();
  if (const auto parsed = parse_json(old.value_or("{}")); parsed && parsed->is_object()) sum = *parsed;
  sum.update(*more);
  return dump_json(sum);
}

std::string_view type_name(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_boolean()) return "boolean";
  if (value.is_number_integer()) return "integer";
  if (value.is_number()) return "float";
  if (value.is_string()) return "string";
  return value.is_array() ? "array" : "object";
}

void widen(Json& known, const Json* part) {
  if (part == nullptr) return;
  if (!part->is_object()) {
    if (known.empty()) known = type_name(*part);
    return;
  }
  if (!known.is_object()) return;
  for (const auto& [key, value] : part->items()) {
    if (!known.contains(key)) known[key] = type_name(value);
  }
}

}  // namespace

std::string input_hash(const Json& record) {
  const Json* inputs = record.is_object() ? find(record, "inputs") : nullptr;
  const auto sorted = inputs != nullptr ? nlohmann::json::parse(dump_json(*inputs)) : nlohmann::json::object();
  return sha256(sorted.dump());
}

Result<EvaluationRecord> new_record(const Json& record) {
  TRY(check(record));
  EvaluationRecord made{.inputs = json_in(record, "inputs").value_or("{}"),
                        .outputs = json_in(record, "outputs"),
                        .expectations = json_in(record, "expectations"),
                        .tags = json_in(record, "tags"),
                        .created_by = user_of(record),
                        .last_updated_by = user_of(record)};
  set_source(record, made);
  return made;
}

Result<EvaluationRecord> merged(EvaluationRecord record, const Json& again) {
  TRY(check(again));
  if (again.contains("outputs")) record.outputs = json_in(again, "outputs");
  record.expectations = added(record.expectations, find(again, "expectations"));
  record.tags = added(record.tags, find(again, "tags"));
  if (auto user = user_of(again)) record.last_updated_by = std::move(user);
  return record;
}

std::string widened_schema(const std::string& schema, const Json& records) {
  Json known = {
      {"inputs", Json::object()}, {"outputs", Json::object()}, {"expectations", Json::object()}, {"version", "1.0"}};
  if (const auto old = parse_json(schema); old && old->is_object()) known = *old;
  for (const Json& record : records) {
    for (const char* part : {"inputs", "outputs", "expectations"}) widen(known[part], find(record, part));
  }
  return dump_json(known);
}

}  // namespace millrace::tracking
