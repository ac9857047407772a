#include <fmt/format.h>

#include <algorithm>
#include <boost/describe.hpp>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/log.h"
#include "db/db.h"
#include "events/event.h"
#include "net/client.h"
#include "notify/address.h"
#include "notify/notify.h"
#include "notify/target.h"

namespace millrace::notify {

namespace {

constexpr auto kTimeout = std::chrono::seconds(30);
constexpr auto kLook = std::chrono::seconds(1);  // how often what waits is looked at
constexpr int kAtOnce = 100;
constexpr std::size_t kKeptBody = 10'000;

struct Subscriber {
  std::int64_t number = 0;
  std::string topics;
};
BOOST_DESCRIBE_STRUCT(Subscriber, (), (number, topics))

bool wants(const Subscriber& subscriber, std::string_view topic) {
  for (const Json& wanted : parse_json(subscriber.topics).value_or(Json::array())) {
    if (wanted == topic) return true;
  }
  return false;
}

struct DeliveryRow {
  std::int64_t number = 0;
  std::string id;
  std::string webhook;  // its id
  std::string url;
  std::string secret;  // sealed
  std::string payload;
  int tries = 0;
};
BOOST_DESCRIBE_STRUCT(DeliveryRow, (), (number, id, webhook, url, secret, payload, tries))

net::PeerCheck peer_check(Reach reach) {
  if (reach == Reach::kAnywhere) return {};
  return [](std::string_view address) -> Result<void> {
    if (is_public_address(address)) return {};
    return invalid_argument("Webhook URL must not resolve to a private, loopback or otherwise special address ({})",
                            address);
  };
}

}  // namespace

struct Webhooks::Delivery : DeliveryRow {};

Webhooks::~Webhooks() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Webhooks::start() {
  thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
}

Result<void> Webhooks::check_url(const std::string& url) const {
  const Target target = TRY(parse_target(url));
  return net::check_peers(target.origin, peer_check(parts_.reach));
}

// Once for each webhook and event, however often the log tells it.
Result<void> Webhooks::enqueue(const events::Event& event) {
  const auto notice = notice_of(event);
  if (!notice) return {};
  db::Transaction tx = TRY(parts_.database.begin());
  for (const Subscriber& subscriber : TRY(tx.query<Subscriber>(
           "select number, topics from webhooks where active = 1 and since < ? order by number", event.id))) {
    if (!wants(subscriber, notice->topic)) continue;
    TRY(tx.execute(R"sql(
insert into webhook_deliveries (webhook, event, id, topic, payload, next_try)
values (?, ?, ?, ?, ?, ?)
on conflict do nothing
)sql",
                   subscriber.number, event.id, parts_.ids.next(), notice->topic, payload_of(*notice, event.event_time),
                   parts_.wall.now()));
  }
  TRY(tx.commit());
  wake_.notify_all();
  return {};
}

void Webhooks::run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    lock.unlock();
    const auto deliveries = due();
    if (!deliveries) log::error("webhook deliveries could not be read", {{"error", deliveries.error().message}});
    for (const Delivery& delivery : deliveries.value_or(std::vector<Delivery>())) {
      if (!stop.stop_requested()) attempt(delivery);
    }
    lock.lock();
    if (!deliveries || deliveries->empty()) wake_.wait_for(lock, stop, kLook, [] { return false; });
  }
}

Result<std::vector<Webhooks::Delivery>> Webhooks::due() const {
  auto rows = TRY(parts_.database.query<DeliveryRow>(R"sql(
select d.number, d.id, w.id, w.url, w.secret, d.payload, d.tries
from webhook_deliveries d join webhooks w on w.number = d.webhook
where d.next_try <= ? and w.active = 1
order by d.next_try, d.number
limit ?
)sql",
                                                     parts_.wall.now(), kAtOnce));
  std::vector<Delivery> deliveries;
  for (DeliveryRow& row : rows) deliveries.push_back({std::move(row)});
  return deliveries;
}

void Webhooks::attempt(const Delivery& delivery) {
  const TestResult result = send(delivery);
  if (auto kept = conclude(delivery, result); !kept) {
    log::error("a webhook's delivery could not be kept", {{"url", delivery.url}, {"error", kept.error().message}});
  }
}

Result<void> Webhooks::conclude(const Delivery& delivery, const TestResult& result) {
  const bool taken = result.status > 0 && result.status < 400;
  const bool worth_another = result.status == 0 || may_try_again(result.status);
  const auto wait = worth_another && !taken ? back_off(delivery.tries + 1) : std::nullopt;
  if (!taken && !wait) {
    log::warn("a webhook was given up",
              {{"url", delivery.url}, {"status", std::to_string(result.status)}, {"error", result.error}});
  }
  if (!wait) {
    TRY(parts_.database.execute("delete from webhook_deliveries where number = ?", delivery.number));
    return {};
  }
  TRY(parts_.database.execute("update webhook_deliveries set tries = tries + 1, next_try = ? where number = ?",
                              parts_.wall.now() + *wait, delivery.number));
  return {};
}

// A redirect is an answer like another: it is not followed.
TestResult Webhooks::send(const Delivery& delivery) const {
  const auto target = parse_target(delivery.url);
  if (!target) return {.error = target.error().message};
  auto client = net::Client::open(target->origin, {.check_peer = peer_check(parts_.reach)});
  if (!client) return {.error = client.error().message};
  const std::string timestamp = std::to_string(parts_.wall.now().us / 1'000'000);
  net::ClientRequest request{.method = "POST",
                             .target = target->path,
                             .body = delivery.payload,
                             .timeout = kTimeout,
                             .headers = {{"X-MLflow-Delivery-Id", delivery.id}, {"X-MLflow-Timestamp", timestamp}}};
  const auto secret = open_secret(delivery.webhook, delivery.secret);
  if (!secret) return {.error = secret.error().message};
  if (!secret->empty()) {
    request.headers.emplace_back("X-MLflow-Signature", signature(*secret, delivery.id, timestamp, delivery.payload));
  }
  auto answer = client->send(request);
  if (!answer) return {.error = answer.error().message};
  return {.status = answer->status, .body = answer->body.substr(0, kKeptBody), .error = {}};
}

Result<TestResult> Webhooks::test(std::string_view id, std::string_view topic) const {
  const Webhook webhook = TRY(find(id));
  const std::string chosen(topic.empty() ? std::string_view(webhook.topics.front()) : topic);
  if (std::ranges::find(topics(), chosen) == topics().end())
    return invalid_argument("Invalid webhook event '{}'", topic);
  const auto secrets = TRY(parts_.database.query<std::string>("select secret from webhooks where id = ?", id));
  Delivery delivery;
  delivery.id = parts_.ids.next();
  delivery.webhook = webhook.id;
  delivery.url = webhook.url;
  delivery.secret = secrets.empty() ? "" : secrets.front();
  delivery.payload = payload_of(example_of(chosen), parts_.wall.now());
  return send(delivery);
}

}  // namespace millrace::notify
