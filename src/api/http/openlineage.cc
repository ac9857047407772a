#include <nlohmann/json.hpp>

#include "api/http/resources.h"
#include "openlineage/inbox.h"
#include "openlineage/outbox.h"

namespace millrace::api {
namespace {

using net::Request;

constexpr std::size_t kLargestEvent = 1 << 20;
constexpr int kEventsLooked = 200;  // of the log at once

Result<Json> take(openlineage::Inbox& inbox, const Request& request) {
  TRY(inbox.take(TRY(parse_json(request.body))));
  return Json::object();
}

Result<std::int64_t> after_of(const Request& request) {
  TRY(only_queries(request, {"after", "limit"}));
  return TRY(integer_query(request, "after", 0)).value_or(0);
}

// `position` is where to go on after, even where there is nothing more at present: a reader asks again with it later.
Result<Json> told(openlineage::Outbox& outbox, const Request& request) {
  const auto after = TRY(after_of(request));
  const auto limit = std::min<std::int64_t>(TRY(integer_query(request, "limit", 1)).value_or(kEventsLooked), 1000);
  const auto page = TRY(outbox.list(after, static_cast<int>(limit)));
  auto items = Json::array();
  for (const auto& told : page.messages) items.push_back(told.message);
  auto answer = page_json(std::move(items), page.next < page.newest ? std::to_string(page.next) : "");
  answer["position"] = page.next;
  return answer;
}

Result<Json> received(openlineage::Inbox& inbox, const Request& request) {
  const auto after = TRY(after_of(request));
  const auto limit = std::min<std::int64_t>(TRY(integer_query(request, "limit", 1)).value_or(100), 1000);
  const auto list = TRY(inbox.list(after, static_cast<int>(limit) + 1));
  const bool more = list.size() > static_cast<std::size_t>(limit);
  auto items = Json::array();
  for (const auto& item : list) {
    if (items.size() == static_cast<std::size_t>(limit)) break;
    items.push_back({{"id", item.id},
                     {"received", format_time(item.received)},
                     {"who", item.who.empty() ? Json(nullptr) : Json(item.who)},
                     {"event", item.event}});
  }
  return page_json(std::move(items), more ? std::to_string(list[static_cast<std::size_t>(limit) - 1].id) : "");
}

}  // namespace

void add_openlineage_routes(net::Router& router, Services& services) {
  router.add(
      "POST", "/api/v1/lineage", Access::kRecord,
      [&](const Request& request) { return answer(take(services.lineage_inbox, request), 201); }, net::Lane::kBlocking,
      kLargestEvent);
  router.add("GET", "/api/v1/lineage/openlineage", Access::kRead,
             [&](const Request& request) { return answer(told(services.lineage_outbox, request)); });
  router.add("GET", "/api/v1/lineage/openlineage/received", Access::kRead,
             [&](const Request& request) { return answer(received(services.lineage_inbox, request)); });
}

}  // namespace millrace::api
