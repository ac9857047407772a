#include "api/http/body.h"

#include <algorithm>

#include "base/suggest.h"

namespace millrace::api {

Result<Body> Body::parse(std::string_view text) {
  auto json = text.empty() ? Json::object() : TRY(parse_json(text));
  if (!json.is_object()) return invalid_argument("the body must be a JSON object");
  return Body(std::move(json));
}

Body::Body(Json object, std::string where) : object_(std::move(object)), where_(std::move(where)) {
  if (object_.is_object()) return;
  fault(fmt::format("{} must be a JSON object", where_.empty() ? "the body" : where_));
  object_ = Json::object();
}

const Json* Body::take(std::string_view key) {
  known_.emplace_back(key);
  auto found = object_.find(std::string(key));
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void Body::fault(std::string message) {
  if (!fault_) fault_ = Error{Code::kInvalidArgument, std::move(message)};
}

std::string Body::required_string(std::string_view key) {
  auto value = string(key);
  if (!value)
    fault(fmt::format("\"{}{}\" is missing", where_, key));
  else if (value->empty())
    fault(fmt::format("\"{}{}\" must not be empty", where_, key));
  return value.value_or("");
}

Timestamp Body::required_time(std::string_view key) {
  auto value = time(key);
  if (!value) fault(fmt::format("\"{}{}\" is missing", where_, key));
  return value.value_or(Timestamp{});
}

std::optional<std::string> Body::string(std::string_view key) {
  auto* value = take(key);
  if (!value) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  fault(fmt::format("\"{}{}\" must be a string", where_, key));
  return std::nullopt;
}

std::optional<std::int64_t> Body::integer(std::string_view key) {
  auto* value = take(key);
  if (!value) return std::nullopt;
  if (value->is_number_integer() && (!value->is_number_unsigned() || value->get<std::uint64_t>() <= INT64_MAX))
    return value->get<std::int64_t>();
  fault(fmt::format("\"{}{}\" must be a whole number", where_, key));
  return std::nullopt;
}

std::optional<double> Body::number(std::string_view key) {
  auto* value = take(key);
  if (!value) return std::nullopt;
  if (value->is_number()) return value->get<double>();
  fault(fmt::format("\"{}{}\" must be a number", where_, key));
  return std::nullopt;
}

std::optional<bool> Body::boolean(std::string_view key) {
  auto* value = take(key);
  if (!value) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  fault(fmt::format("\"{}{}\" must be true or false", where_, key));
  return std::nullopt;
}

std::optional<Timestamp> Body::time(std::string_view key) {
  auto text = string(key);
  if (!text) return std::nullopt;
  auto value = parse_time(*text);
  if (!value) {
    fault(fmt::format("\"{}{}\": {}", where_, key, value.error().message));
    return std::nullopt;
  }
  return *value;
}

Json Body::any(std::string_view key) {
  auto* value = take(key);
  return value ? *value : Json(nullptr);
}

Json Body::object(std::string_view key) {
  auto* value = take(key);
  if (!value) return Json::object();
  if (!value->is_object()) fault(fmt::format("\"{}{}\" must be an object", where_, key));
  return value->is_object() ? *value : Json::object();
}

Json Body::array(std::string_view key) {
  auto* value = take(key);
  if (!value) return Json::array();
  if (!value->is_array()) fault(fmt::format("\"{}{}\" must be an array", where_, key));
  return value->is_array() ? *value : Json::array();
}

Result<void> Body::finish() {
  if (fault_) return std::unexpected(*fault_);
  for (const auto& [key, value] : object_.items())
    if (std::ranges::find(known_, key) == known_.end())
      return invalid_argument("there is no key \"{}{}\" here{}", where_, key, did_you_mean(key, known_));
  return {};
}

}  // namespace millrace::api
