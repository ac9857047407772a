#include "transfer/mlflow_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace millrace::transfer {

using tracking::ModelStatus;
using tracking::RunStatus;

Timestamp moment(std::int64_t milliseconds) { return {milliseconds * 1000}; }

std::optional<Timestamp> moment(std::optional<std::int64_t> milliseconds) {
  return milliseconds ? std::optional(moment(*milliseconds)) : std::nullopt;
}

Result<std::int64_t> number_of(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return data_loss("\"{}\" is no number", text);
  return number;
}

ModelStatus model_status(std::int64_t number) {
  constexpr std::array kStatuses = {ModelStatus::kUnspecified, ModelStatus::kPending, ModelStatus::kReady,
                                    ModelStatus::kUploadFailed};
  return number >= 0 && number < std::ssize(kStatuses) ? kStatuses[static_cast<std::size_t>(number)]
                                                       : ModelStatus::kUnspecified;
}

RunStatus run_status(std::int64_t number) {
  constexpr std::array kStatuses = {RunStatus::kRunning,  RunStatus::kRunning, RunStatus::kScheduled,
                                    RunStatus::kFinished, RunStatus::kFailed,  RunStatus::kKilled};
  return number >= 0 && number < std::ssize(kStatuses) ? kStatuses[static_cast<std::size_t>(number)]
                                                       : RunStatus::kRunning;
}

std::string compact(const std::string& json) {
  const auto value = parse_json(json);
  return value ? dump_json(*value) : json;
}

std::optional<std::string> compact(const std::optional<std::string>& json) {
  return json && *json != "null" ? std::optional(compact(*json)) : std::nullopt;
}

std::optional<std::string> unwrapped(const std::optional<std::string>& json) {
  const auto value = parse_json(json.value_or(""));
  if (!value || !value->is_object() || !value->contains("mlflow_wrapped")) return std::nullopt;
  return dump_json((*value)["mlflow_wrapped"]);
}

std::vector<tracking::Tag> text_map(const std::string& json) {
  std::vector<tracking::Tag> map;
  const auto object = parse_json(json);
  if (!object || !object->is_object()) return map;
  for (const auto& [key, value] : object->items()) {
    map.push_back({key, value.is_string() ? value.get<std::string>() : dump_json(value)});
  }
  std::ranges::sort(map, {}, &tracking::Tag::key);
  return map;
}

std::optional<tracking::AssessmentError> assessment_error(const std::string& json) {
  const auto object = parse_json(json);
  if (!object || !object->is_object()) return std::nullopt;
  const auto text = [&](const char* name) {
    const auto found = object->find(name);
    return found != object->end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  return tracking::AssessmentError{text("error_code"), text("error_message"), text("stack_trace")};
}

std::string model_id_of(std::string_view source) {
  constexpr std::string_view kPrefix = "models:/";
  if (!source.starts_with("models:/m-")) return {};
  return std::string(source.substr(kPrefix.size()));
}

}  // namespace millrace::transfer
