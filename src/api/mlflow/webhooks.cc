#include <algorithm>
#include <array>
#include <cctype>

#include "api/mlflow/read.h"
#include "api/mlflow/route.h"
#include "api/mlflow/routes.h"
#include "notify/notify.h"
#include "search/page_token.h"

namespace millrace::api::mlflow {

namespace {

constexpr std::array<std::string_view, 2> kStatuses = {"ACTIVE", "DISABLED"};
constexpr std::int64_t kMostResults = 1000;

std::string changed_case(std::string_view text, int (*change)(int)) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [&](unsigned char c) { return static_cast<char>(change(c)); });
  return out;
}

void write(JsonWriter& out, const notify::Webhook& webhook) {
  out.object([&] {
    out.field("webhook_id", webhook.id);
    out.field("name", webhook.name);
    if (!webhook.description.empty()) out.field("description", webhook.description);
    out.field("url", webhook.url);
    out.list("events", webhook.topics, [&](const std::string& topic) {
      const auto dot = topic.find('.');
      out.object([&] {
        out.field("entity", changed_case(topic.substr(0, dot), std::toupper));
        out.field("action", changed_case(topic.substr(dot + 1), std::toupper));
      });
    });
    out.field("status", kStatuses[webhook.status == notify::Status::kActive ? 0 : 1]);
    out.field("creation_timestamp", milliseconds(webhook.creation_time));
    out.field("last_updated_timestamp", milliseconds(webhook.last_updated_time));
  });
}

Answer webhook_answer(const notify::Webhook& webhook) {
  return object([&](JsonWriter& out) {
    out.key("webhook");
    write(out, webhook);
  });
}

// {"entity": "MODEL_VERSION_TAG", "action": "SET"} is "model_version_tag.set".
std::string read_topic(const Fields& event) {
  return changed_case(fmt::format("{}.{}", event.required_text("entity"), event.required_text("action")), std::tolower);
}

std::vector<std::string> read_topics(const Fields& in) {
  std::vector<std::string> topics;
  for (const auto& event : in.messages("events")) topics.push_back(read_topic(event));
  return topics;
}

std::optional<notify::Status> read_status(const Fields& in) {
  const auto chosen = in.choice("status", kStatuses);
  if (!chosen) return std::nullopt;
  return *chosen == 0 ? notify::Status::kActive : notify::Status::kDisabled;
}

std::optional<std::string> optional_text(const Fields& in, std::string_view name) {
  const auto text = in.text(name);
  return text ? std::optional(std::string(*text)) : std::nullopt;
}

std::optional<std::string> unless_empty(std::optional<std::string> text) {
  return text && text->empty() ? std::nullopt : std::move(text);
}

Result<Answer> create_webhook(Services& services, Input& in) {
  const notify::NewWebhook webhook{.name = std::string(in.required_text("name")),
                                   .url = std::string(in.required_text("url")),
                                   .topics = read_topics(in),
                                   .secret = owned(in.text("secret")),
                                   .description = owned(in.text("description")),
                                   .status = read_status(in).value_or(notify::Status::kActive)};
  TRY(in.check());
  return webhook_answer(TRY(services.webhooks.create(webhook)));
}

Result<Answer> list_webhooks(Services& services, Input& in) {
  const auto limit = in.integer("max_results").value_or(100);
  const auto position = TRY(search::parse_page_token(in.text("page_token").value_or("")));
  TRY(in.check());
  if (limit < 1 || limit > kMostResults) return invalid_argument("max_results must be between 1 and 1000.");
  auto webhooks = TRY(services.webhooks.list(position.offset, static_cast<int>(limit) + 1));
  const bool more = std::cmp_greater(webhooks.size(), limit);
  if (more) webhooks.pop_back();
  return object([&](JsonWriter& out) {
    out.list("webhooks", webhooks, [&](const auto& webhook) { write(out, webhook); });
    if (more) out.field("next_page_token", search::page_token({.offset = position.offset + limit, .part = {}}));
  });
}

Result<Answer> get_webhook(Services& services, Input& in) {
  return webhook_answer(TRY(services.webhooks.find(in.param("webhook_id"))));
}

Result<Answer> update_webhook(Services& services, Input& in) {
  notify::WebhookChange change{.name = unless_empty(optional_text(in, "name")),
                               .url = unless_empty(optional_text(in, "url")),
                               .topics = {},
                               .secret = optional_text(in, "secret"),
                               .description = optional_text(in, "description"),
                               .status = read_status(in)};
  if (auto topics = read_topics(in); !topics.empty()) change.topics = std::move(topics);
  TRY(in.check());
  return webhook_answer(TRY(services.webhooks.update(in.param("webhook_id"), change)));
}

Result<Answer> delete_webhook(Services& services, Input& in) {
  TRY(services.webhooks.remove(in.param("webhook_id")));
  return Answer{};
}

Result<Answer> test_webhook(Services& services, Input& in) {
  const auto event = in.message("event");
  const std::string topic = event ? read_topic(*event) : "";
  TRY(in.check());
  const auto result = TRY(services.webhooks.test(in.param("webhook_id"), topic));
  return object([&](JsonWriter& out) {
    out.object("result", [&] {
      out.field("success", result.status > 0 && result.status < 400);
      if (result.status > 0) out.field("response_status", result.status);
      if (result.status > 0) out.field("response_body", result.body);
      if (!result.error.empty()) out.field("error_message", fmt::format("Failed to test webhook: {}", result.error));
    });
  });
}

constexpr std::string_view kOne = "/api/2.0/mlflow/webhooks/{webhook_id}";
constexpr Route kRoutes[] = {
    {"POST", "/api/2.0/mlflow/webhooks", create_webhook, Access::kAdmin},
    {"GET", "/api/2.0/mlflow/webhooks", list_webhooks, Access::kAdmin},
    {"GET", kOne, get_webhook, Access::kAdmin},
    {"PATCH", kOne, update_webhook, Access::kAdmin},
    {"DELETE", kOne, delete_webhook, Access::kAdmin},
    {"POST", "/api/2.0/mlflow/webhooks/{webhook_id}/test", test_webhook, Access::kAdmin},
};

}  // namespace

void add_webhook_routes(net::Router& router, Services& services) { add(router, services, kRoutes); }

}  // namespace millrace::api::mlflow
