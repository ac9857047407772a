#include "serving/route_store.h"

#include <boost/describe.hpp>
#include <nlohmann/json.hpp>

#include "base/actor.h"
#include "db/db.h"
#include "events/events.h"

namespace millrace::serving {
namespace {

constexpr db::Migration kMigrations[] = {{1, R"sql(
  create table endpoint_routes (
    endpoint text primary key,
    declared text not null,
    by_hand text,
    who text not null,
    reason text not null,
    set_time integer not null
  ) strict;
)sql"},
                                         {2, R"sql(
  create table endpoint_bandits (
    endpoint text primary key,
    evidence text not null,
    event_time integer not null
  ) strict;
)sql"}};

// declared and by_hand: JSON, as documents say routes.
struct RoutesRow {
  std::string endpoint;
  std::string declared;
  std::optional<std::string> by_hand;
  std::string who;
  std::string reason;
  Timestamp set_time;
};
BOOST_DESCRIBE_STRUCT(RoutesRow, (), (endpoint, declared, by_hand, who, reason, set_time))

constexpr std::string_view kFind =
    "select endpoint, declared, by_hand, who, reason, set_time from endpoint_routes where endpoint = ?";

// Of a Database or a Transaction.
template <typename Source>
Result<std::optional<RoutesRow>> find_row(Source& source, const std::string& endpoint) {
  auto rows = TRY(source.template query<RoutesRow>(kFind, endpoint));
  return rows.empty() ? std::nullopt : std::optional(std::move(rows.front()));
}

Result<void> write_row(db::Transaction& tx, const RoutesRow& row) {
  TRY(tx.execute(R"sql(
insert into endpoint_routes (endpoint, declared, by_hand, who, reason, set_time)
values (?, ?, ?, ?, ?, ?)
on conflict (endpoint) do update
set declared = excluded.declared, by_hand = excluded.by_hand, who = excluded.who, reason = excluded.reason,
    set_time = excluded.set_time
)sql",
                 row.endpoint, row.declared, row.by_hand, row.who, row.reason, row.set_time));
  return {};
}

std::string text_of(const RoutesSpec& routes) { return dump_json(to_json(routes)); }

const std::string& in_force(const RoutesRow& row) { return row.by_hand ? *row.by_hand : row.declared; }

Result<RouteOverride> override_of(const RoutesRow& row) {
  return RouteOverride{TRY(parse_routes(*row.by_hand)), row.who, row.reason, row.set_time};
}

// evidence: JSON, [[version, trials, reward], ...]
struct BanditRow {
  std::string evidence;
  Timestamp event_time;
};
BOOST_DESCRIBE_STRUCT(BanditRow, (), (evidence, event_time))

std::string text_of(const BanditEvidence& evidence) {
  Json rows = Json::array();
  for (const VersionEvidence& each : evidence.versions)
    rows.push_back({each.version, each.evidence.trials, each.evidence.reward});
  return dump_json(rows);
}

Result<BanditEvidence> evidence_of(const BanditRow& row) {
  BanditEvidence evidence{.as_of = row.event_time};
  for (const Json& each : TRY(parse_json(row.evidence)))
    evidence.versions.push_back({each[0].get<std::int64_t>(), {each[1].get<double>(), each[2].get<double>()}});
  return evidence;
}

Json event_data(const RouteStore::BanditUpdate& update) {
  Json arms = Json::array();
  for (const auto& arm : update.arms) {
    const ArmEvidence evidence = update.evidence.of(arm.version);
    arms.push_back({{"name", arm.name},
                    {"version", arm.version},
                    {"trials", evidence.trials},
                    {"reward", evidence.reward},
                    {"share", arm.share}});
  }
  return {{"reward", update.reward}, {"arms", std::move(arms)}};
}

}  // namespace

struct RouteStore::Change {
  std::string endpoint;
  std::string routes, previous;  // JSON
  std::string_view source;
  std::string reason;
};

Result<std::unique_ptr<RouteStore>> RouteStore::open(Parts parts) {
  TRY(db::migrate(parts.database, "serving", kMigrations));
  return std::unique_ptr<RouteStore>(new RouteStore(parts));
}

Result<void> RouteStore::publish(db::Transaction& tx, const Change& change) {
  if (change.routes == change.previous) return {};
  TRY(parts_.events.publish(tx, "endpoint.routes_changed", change.endpoint, parts_.clock.now(),
                            {{"routes", TRY(parse_json(change.routes))},
                             {"previous", TRY(parse_json(change.previous))},
                             {"source", change.source},
                             {"reason", change.reason}}));
  return {};
}

Result<void> RouteStore::declare(const std::string& endpoint, const RoutesSpec& declared) {
  const std::string text = text_of(declared);
  if (const auto known = TRY(find_row(parts_.database, endpoint)); known && known->declared == text) return {};
  auto tx = TRY(parts_.database.begin());
  const auto before = TRY(find_row(tx, endpoint));
  TRY(write_row(tx, {endpoint, text, std::nullopt, "", "", parts_.clock.now()}));
  if (before) TRY(publish(tx, {endpoint, text, in_force(*before), "document", "the document's routes changed"}));
  return tx.commit();
}

Result<void> RouteStore::set(const std::string& endpoint, const RoutesSpec& routes, const std::string& reason) {
  if (reason.empty()) return invalid_argument("say why: \"reason\" is empty");
  auto tx = TRY(parts_.database.begin());
  auto row = TRY(find_row(tx, endpoint));
  if (!row) return not_found("endpoint {} is not declared", endpoint);
  const std::string before = in_force(*row), after = text_of(routes);
  if (before == after) return {};
  row->by_hand = after;
  row->who = acting_for();
  row->reason = reason;
  row->set_time = parts_.clock.now();
  TRY(write_row(tx, *row));
  TRY(publish(tx, {endpoint, after, before, "hand", reason}));
  return tx.commit();
}

Result<void> RouteStore::reset(const std::string& endpoint, const std::string& reason) {
  if (reason.empty()) return invalid_argument("say why: \"reason\" is empty");
  auto tx = TRY(parts_.database.begin());
  const auto row = TRY(find_row(tx, endpoint));
  if (!row || !row->by_hand) return {};
  TRY(write_row(tx, {endpoint, row->declared, std::nullopt, "", "", parts_.clock.now()}));
  TRY(publish(tx, {endpoint, row->declared, *row->by_hand, "reset", reason}));
  return tx.commit();
}

Result<void> RouteStore::remove(const std::string& endpoint) {
  auto tx = TRY(parts_.database.begin());
  TRY(tx.execute("delete from endpoint_routes where endpoint = ?", endpoint));
  TRY(tx.execute("delete from endpoint_bandits where endpoint = ?", endpoint));
  return tx.commit();
}

Result<RoutesInForce> RouteStore::find_routes(const std::string& endpoint, const RoutesSpec& declared) const {
  RoutesInForce in_force{.routes = declared, .by_hand = TRY(find_override(endpoint, declared))};
  if (in_force.by_hand) in_force.routes = in_force.by_hand->routes;
  if (in_force.routes.bandit) in_force.evidence = TRY(find_evidence(endpoint));
  return in_force;
}

Result<void> RouteStore::update_bandit(const BanditUpdate& update) {
  auto tx = TRY(parts_.database.begin());
  TRY(tx.execute(R"sql(
insert into endpoint_bandits (endpoint, evidence, event_time)
values (?, ?, ?)
on conflict (endpoint) do update
set evidence = excluded.evidence, event_time = excluded.event_time
)sql",
                 update.endpoint, text_of(update.evidence), update.evidence.as_of));
  TRY(parts_.events.publish(tx, "endpoint.bandit_updated", update.endpoint, update.evidence.as_of, event_data(update)));
  return tx.commit();
}

Result<std::optional<BanditEvidence>> RouteStore::find_evidence(const std::string& endpoint) const {
  const auto rows = TRY(parts_.database.query<BanditRow>(
      "select evidence, event_time from endpoint_bandits where endpoint = ?", endpoint));
  if (rows.empty()) return std::nullopt;
  return TRY(evidence_of(rows.front()));
}

Result<std::optional<RouteOverride>> RouteStore::find_override(const std::string& endpoint,
                                                               const RoutesSpec& declared) const {
  const auto row = TRY(find_row(parts_.database, endpoint));
  if (!row || !row->by_hand || row->declared != text_of(declared)) return std::nullopt;
  return TRY(override_of(*row));
}

Result<std::optional<RouteOverride>> RouteStore::find_override(const std::string& endpoint) const {
  const auto row = TRY(find_row(parts_.database, endpoint));
  if (!row || !row->by_hand) return std::nullopt;
  return TRY(override_of(*row));
}

}  // namespace millrace::serving
