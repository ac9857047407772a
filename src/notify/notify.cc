#include "notify/notify.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <boost/describe.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/log.h"
#include "db/db.h"
#include "net/client.h"
#include "notify/schema.h"
#include "notify/target.h"

namespace millrace::notify {

namespace {

struct WebhookRow {
  std::int64_t number = 0;
  std::string id;
  std::string name;
  std::string url;
  std::string topics;
  std::string description;
  bool active = true;
  Timestamp creation_time;
  Timestamp last_updated_time;
};
BOOST_DESCRIBE_STRUCT(WebhookRow, (),
                      (number, id, name, url, topics, description, active, creation_time, last_updated_time))

constexpr std::string_view kSelect = R"sql(
select number, id, name, url, topics, description, active, creation_time, last_updated_time
from webhooks
)sql";

Webhook to_webhook(WebhookRow row) {
  return Webhook{.id = std::move(row.id),
                 .name = std::move(row.name),
                 .url = std::move(row.url),
                 .topics = parse_json(row.topics).value_or(Json::array()).get<std::vector<std::string>>(),
                 .description = std::move(row.description),
                 .status = row.active ? Status::kActive : Status::kDisabled,
                 .creation_time = row.creation_time,
                 .last_updated_time = row.last_updated_time};
}

Result<WebhookRow> find_row(db::Database& database, std::string_view id) {
  auto rows = TRY(database.query<WebhookRow>(std::string(kSelect) + "where id = ?", id));
  if (rows.empty()) return not_found("Webhook with ID {} not found.", id);
  return std::move(rows.front());
}

Result<void> check_topics(const std::vector<std::string>& wanted) {
  if (wanted.empty()) return invalid_argument("Webhook events must be a non-empty list of WebhookEvent objects: [].");
  for (const std::string& topic : wanted) {
    if (std::ranges::find(topics(), topic) == topics().end()) {
      return invalid_argument("Invalid webhook event '{}'; there are {}", topic, fmt::join(topics(), ", "));
    }
  }
  return {};
}

struct SecretRow {
  std::int64_t number = 0;
  std::string id;
  std::string secret;
  bool sealed = false;
};
BOOST_DESCRIBE_STRUCT(SecretRow, (), (number, id, secret, sealed))

std::string context_of(std::string_view id) { return fmt::format("webhook {}", id); }

// What is stored of a secret; none needs no seal.
std::string sealed(const Sealer& sealer, std::string_view id, std::string_view secret) {
  return secret.empty() ? std::string() : sealer.seal(secret, context_of(id));
}

// 32 digits with dashes.
std::string uuid(std::string id) {
  for (const std::size_t at : {8, 13, 18, 23}) id.insert(at, 1, '-');
  return id;
}

}  // namespace

Result<std::unique_ptr<Webhooks>> Webhooks::open(Parts parts) {
  TRY(db::migrate(parts.database, "notify", kMigrations));
  std::unique_ptr<Webhooks> webhooks(new Webhooks(parts));
  TRY(webhooks->seal_secrets());
  TRY(parts.events.subscribe("webhooks", {"registered_model.*", "model_version.*"},
                             [raw = webhooks.get()](const events::Event& event) { return raw->enqueue(event); }));
  return webhooks;
}

Result<void> Webhooks::seal_secrets() {
  db::Transaction tx = TRY(parts_.database.begin());
  int lost = 0;
  for (const SecretRow& row :
       TRY(tx.query<SecretRow>("select number, id, secret, sealed from webhooks where secret <> ''"))) {
    if (row.sealed && parts_.sealer.is_current(row.secret)) continue;
    const auto secret = row.sealed ? open_secret(row.id, row.secret) : Result<std::string>(row.secret);
    if (!secret) {
      ++lost;
      continue;
    }
    TRY(tx.execute("update webhooks set secret = ?, sealed = 1 where number = ?",
                   sealed(parts_.sealer, row.id, *secret), row.number));
  }
  if (lost > 0) {
    log::warn(
        "webhooks are not told of anything: their secrets were sealed with another key; bring it back, or set them "
        "anew",
        {{"webhooks", std::to_string(lost)}});
  }
  return tx.commit();
}

Result<std::string> Webhooks::open_secret(std::string_view id, std::string_view sealed) const {
  if (sealed.empty()) return std::string();
  auto secret = parts_.sealer.open(sealed, context_of(id));
  if (secret) return secret;
  return fail(secret.error().code, "the secret of webhook {} cannot be opened: {}", id, secret.error().message);
}

Result<Webhook> Webhooks::create(const NewWebhook& webhook) {
  TRY(check_name(webhook.name));
  TRY(check_url(webhook.url));
  TRY(check_topics(webhook.topics));
  const std::string id = uuid(parts_.ids.next());
  const Timestamp now = parts_.wall.now();
  TRY(parts_.database.execute(R"sql(
insert into webhooks
  (id, name, url, topics, secret, sealed, description, active, since, creation_time, last_updated_time)
values (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?)
)sql",
                              id, webhook.name, webhook.url, dump_json(webhook.topics),
                              sealed(parts_.sealer, id, webhook.secret), webhook.description,
                              webhook.status == Status::kActive, parts_.events.newest(), now, now));
  return find(id);
}

Result<Webhook> Webhooks::find(std::string_view id) const { return to_webhook(TRY(find_row(parts_.database, id))); }

Result<std::vector<Webhook>> Webhooks::list(std::int64_t after, int limit) const {
  std::vector<Webhook> list;
  for (WebhookRow& row : TRY(parts_.database.query<WebhookRow>(
           std::string(kSelect) + "order by number limit ? offset ?", limit, after))) {
    list.push_back(to_webhook(std::move(row)));
  }
  return list;
}

Result<Webhook> Webhooks::update(std::string_view id, const WebhookChange& change) {
  const WebhookRow row = TRY(find_row(parts_.database, id));
  if (change.name) TRY(check_name(*change.name));
  if (change.url) TRY(check_url(*change.url));
  if (change.topics) TRY(check_topics(*change.topics));
  const bool active = change.status ? *change.status == Status::kActive : row.active;
  std::optional<std::string> secret;
  if (change.secret) secret = sealed(parts_.sealer, row.id, *change.secret);
  const std::string topics = change.topics ? dump_json(*change.topics) : row.topics;
  TRY(parts_.database.execute(R"sql(
update webhooks
set name = ?, url = ?, topics = ?, description = ?, active = ?, secret = coalesce(?, secret), last_updated_time = ?
where number = ?
)sql",
                              change.name.value_or(row.name), change.url.value_or(row.url), topics,
                              change.description.value_or(row.description), active, secret, parts_.wall.now(),
                              row.number));
  return find(id);
}

Result<void> Webhooks::remove(std::string_view id) {
  const WebhookRow row = TRY(find_row(parts_.database, id));
  TRY(parts_.database.execute("delete from webhooks where number = ?", row.number));
  return {};
}

}  // namespace millrace::notify
