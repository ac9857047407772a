#include "openlineage/poster.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/json.h"
#include "base/log.h"
#include "db/db.h"
#include "net/client.h"
#include "openlineage/outbox.h"

namespace millrace::openlineage {

namespace {

constexpr auto kLook = std::chrono::seconds(1);  // how often the log is looked at
constexpr auto kSlowest = std::chrono::minutes(1);
constexpr int kAtOnce = 50;

struct Address {
  std::string origin;
  std::string path;
};

Result<Address> parse_address(const std::string& url) {
  const auto scheme = url.find("://");
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    return invalid_argument("the OpenLineage URL \"{}\" begins with neither http:// nor https://", url);
  const auto slash = url.find('/', scheme + 3);
  Address address{url.substr(0, slash), slash == std::string::npos ? "/" : url.substr(slash)};
  if (address.path == "/") address.path = "/api/v1/lineage";
  return address;
}

enum class Outcome { kTaken, kRefused, kTryAgain };

Outcome outcome_of(const Result<net::ClientResponse>& answer) {
  if (!answer) return Outcome::kTryAgain;
  if (answer->status < 300) return Outcome::kTaken;
  return answer->status >= 500 || answer->status == 408 || answer->status == 429 ? Outcome::kTryAgain
                                                                                 : Outcome::kRefused;
}

}  // namespace

Duration wait_after(int failures) {
  return std::min<Duration>(std::chrono::seconds(1) * (1 << std::clamp(failures - 1, 0, 6)), kSlowest);
}

struct Poster::State {
  db::Database& database;
  const Outbox& outbox;
  const Destination destination;
  const Address address;
  net::Client client;
  std::int64_t position = 0;
  int failures = 0;
  std::mutex mutex;
  std::condition_variable_any wake;

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto page = outbox.list(position, kAtOnce);
      if (!page) log::error("OpenLineage events cannot be read", {{"error", page.error().message}});
      const bool more = page && page->next > position;
      if (more && !post(*page, stop)) return;
      if (!more) pause(stop, kLook);
    }
  }

  // False when it was stopped before the end.
  bool post(const Outbox::Page& page, const std::stop_token& stop) {
    for (std::size_t i = 0; i < page.messages.size(); ++i) {
      while (!post(page.messages[i])) {
        pause(stop, wait_after(failures));
        if (stop.stop_requested()) return false;
      }
      // Messages of one event are told together.
      const bool last = i + 1 == page.messages.size() || page.messages[i + 1].event != page.messages[i].event;
      if (last) keep(page.messages[i].event);
    }
    keep(page.next);
    return true;
  }

  // Whether it is done with.
  bool post(const Told& told) {
    const std::string body = dump_json(told.message);
    const auto answer =
        client.send({.method = "POST", .target = address.path, .body = body, .timeout = std::chrono::seconds(10)});
    const Outcome outcome = outcome_of(answer);
    const std::string error = answer ? fmt::format("status {}", answer->status) : answer.error().message;
    if (outcome == Outcome::kRefused)
      log::warn("an OpenLineage event was refused, and is passed over",
                {{"url", destination.url}, {"event", std::to_string(told.event)}, {"error", error}});
    if (outcome == Outcome::kTryAgain && ++failures == 1)
      log::warn("OpenLineage events wait for their server", {{"url", destination.url}, {"error", error}});
    if (outcome != Outcome::kTryAgain) failures = 0;
    return outcome != Outcome::kTryAgain;
  }

  void keep(std::int64_t event) {
    if (event <= position) return;
    position = event;
    const auto kept = database.execute(
        "insert into openlineage_places (url, position) values (?, ?)"
        " on conflict (url) do update set position = excluded.position",
        destination.url, position);
    if (!kept) log::error("the place of OpenLineage events cannot be kept", {{"error", kept.error().message}});
  }

  void pause(const std::stop_token& stop, Duration duration) {
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, duration, [] { return false; });
  }
};

Result<std::unique_ptr<Poster>> Poster::start(db::Database& database, const Outbox& outbox, Destination destination) {
  auto address = TRY(parse_address(destination.url));
  auto client = TRY(net::Client::open(address.origin, {.bearer = destination.key}));
  const auto kept =
      TRY(database.query<std::int64_t>("select position from openlineage_places where url = ?", destination.url));
  return std::unique_ptr<Poster>(
      new Poster(std::unique_ptr<State>(new State{.database = database,
                                                  .outbox = outbox,
                                                  .destination = std::move(destination),
                                                  .address = std::move(address),
                                                  .client = std::move(client),
                                                  .position = kept.empty() ? 0 : kept.front()})));
}

Poster::Poster(std::unique_ptr<State> state)
    : state_(std::move(state)), thread_([raw = state_.get()](const std::stop_token& stop) { raw->run(stop); }) {}

Poster::~Poster() = default;

}  // namespace millrace::openlineage
