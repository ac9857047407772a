#include "notify/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/hash.h"

namespace millrace::notify {

namespace {

constexpr int kMostTries = 10;
constexpr auto kLongestWait = std::chrono::hours(1);

// The topic of an event's type: of a model, and of a prompt ("" for none).
struct Translation {
  std::string_view type;
  std::string_view model_topic;
  std::string_view prompt_topic;
};

constexpr std::array<Translation, 8> kTranslations = {{
    {"registered_model.created", "registered_model.created", "prompt.created"},
    {"registered_model.tag_set", "", "prompt_tag.set"},
    {"registered_model.tag_deleted", "", "prompt_tag.deleted"},
    {"model_version.registered", "model_version.created", "prompt_version.created"},
    {"model_version.tag_set", "model_version_tag.set", "prompt_version_tag.set"},
    {"model_version.tag_deleted", "model_version_tag.deleted", "prompt_version_tag.deleted"},
    {"model_version.alias_set", "model_version_alias.created", "prompt_alias.created"},
    {"model_version.alias_deleted", "model_version_alias.deleted", "prompt_alias.deleted"},
}};

// The tags by which MLflow knows a prompt are not the user's.
constexpr std::string_view kInternalTags = "mlflow.prompt.";
constexpr const char* kTemplateTag = "mlflow.prompt.text";

Json or_null(const Json& data, const char* key) {
  const std::string text = data.value(key, std::string());
  return text.empty() ? Json(nullptr) : Json(text);
}

Json user_tags(const Json& tags) {
  Json kept = Json::object();
  for (const auto& [key, value] : tags.items()) {
    if (!key.starts_with(kInternalTags)) kept[key] = value;
  }
  return kept;
}

void add_made(Json& out, const Json& data, std::string_view topic) {
  const Json tags = data.value("tags", Json::object());
  const bool of_prompt = topic.starts_with("prompt");
  if (topic == "model_version.created") {
    out["source"] = data.value("source", "");
    out["run_id"] = or_null(data, "run_id");
  }
  if (topic == "prompt_version.created") out["template"] = tags.value(kTemplateTag, "");
  out["tags"] = of_prompt ? user_tags(tags) : tags;
  out["description"] = or_null(data, "description");
}

Json data_of(const Json& data, std::string_view topic) {
  Json out = {{"name", data.value("model", "")}};
  if (data.contains("version")) out["version"] = std::to_string(data["version"].get<std::int64_t>());
  for (const auto* key : {"alias", "key", "value"}) {
    if (data.contains(key)) out[key] = data[key];
  }
  const bool is_alias = topic.find("_alias") != std::string_view::npos;
  if (topic.ends_with(".created") && !is_alias) add_made(out, data, topic);
  return out;
}

}  // namespace

const std::vector<std::string_view>& topics() {
  static const std::vector<std::string_view> all = [] {
    std::vector<std::string_view> list;
    for (const Translation& row : kTranslations) {
      if (!row.model_topic.empty()) list.push_back(row.model_topic);
      list.push_back(row.prompt_topic);
    }
    return list;
  }();
  return all;
}

std::optional<Notice> notice_of(const events::Event& event) {
  const auto row = std::ranges::find(kTranslations, event.type, &Translation::type);
  if (row == kTranslations.end()) return std::nullopt;
  const auto topic = event.data.value("prompt", false) ? row->prompt_topic : row->model_topic;
  if (topic.empty()) return std::nullopt;
  return Notice{std::string(topic), data_of(event.data, topic)};
}

Notice example_of(std::string_view topic) {
  const auto row = std::ranges::find_if(
      kTranslations, [&](const Translation& r) { return r.model_topic == topic || r.prompt_topic == topic; });
  Json data = {{"model", "example"}, {"prompt", topic.starts_with("prompt")}};
  if (row->type.starts_with("model_version") && row->type != "model_version.alias_deleted") data["version"] = 1;
  if (row->type.find("alias") != std::string_view::npos) data["alias"] = "champion";
  if (row->type.find("tag_") != std::string_view::npos) data["key"] = "key";
  if (row->type.ends_with("tag_set")) data["value"] = "value";
  if (row->type == "model_version.registered") data["source"] = "models:/m-00000000000000000000000000000000";
  return *notice_of({.type = std::string(row->type), .data = std::move(data)});
}

std::string payload_of(const Notice& notice, Timestamp time) {
  const auto dot = notice.topic.find('.');
  return dump_json({{"entity", notice.topic.substr(0, dot)},
                    {"action", notice.topic.substr(dot + 1)},
                    {"timestamp", format_time(time)},
                    {"data", notice.data}});
}

std::string signature(std::string_view secret, std::string_view delivery_id, std::string_view timestamp,
                      std::string_view payload) {
  return "v1," + base64_encode(hmac_sha256(secret, fmt::format("{}.{}.{}", delivery_id, timestamp, payload)));
}

std::optional<Duration> back_off(int tries) {
  if (tries >= kMostTries) return std::nullopt;
  const Duration wait = std::chrono::seconds(std::int64_t{1} << (2 * (tries - 1)));
  return std::min<Duration>(wait, kLongestWait);
}

bool may_try_again(int status) { return status == 408 || status == 429 || status >= 500; }

}  // namespace millrace::notify
