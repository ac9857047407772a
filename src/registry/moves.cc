#include "registry/moves.h"

#include <algorithm>
#include <boost/describe.hpp>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "base/actor.h"
#include "db/db.h"
#include "events/events.h"
#include "registry/load.h"
#include "registry/registry.h"
#include "registry/validate.h"

namespace millrace::registry {

namespace {

constexpr int kMostApprovals = 20;
constexpr std::size_t kLongestReason = 5000;

constexpr std::pair<RequestStatus, std::string_view> kStatuses[] = {{RequestStatus::kPending, "pending"},
                                                                    {RequestStatus::kApplied, "applied"},
                                                                    {RequestStatus::kRejected, "rejected"},
                                                                    {RequestStatus::kWithdrawn, "withdrawn"},
                                                                    {RequestStatus::kCancelled, "cancelled"}};

struct RequestRow {
  std::int64_t id = 0;
  std::string model;
  std::string kind;
  std::string place;
  std::int64_t version = 0;
  std::string requested_by;
  std::string reason;
  std::string pipeline_run;
  std::string status;
  std::string closed_by;
  std::string closed_reason;
  Timestamp requested_time;
  std::optional<Timestamp> closed_time;
};
BOOST_DESCRIBE_STRUCT(RequestRow, (),
                      (id, model, kind, place, version, requested_by, reason, pipeline_run, status, closed_by,
                       closed_reason, requested_time, closed_time))

constexpr std::string_view kSelectRequests = R"sql(
select id, model, kind, place, version, requested_by, reason, pipeline_run, status, closed_by, closed_reason,
  requested_time, closed_time
from move_requests
)sql";

struct ApprovalRow {
  std::string who;
  std::string reason;
  Timestamp time;
};
BOOST_DESCRIBE_STRUCT(ApprovalRow, (), (who, reason, time))

MoveRequest to_request(RequestRow row) {
  MoveRequest request{
      .id = row.id,
      .move = {.model = std::move(row.model), .place = {.name = std::move(row.place)}, .version = row.version},
      .requested_by = std::move(row.requested_by),
      .reason = std::move(row.reason),
      .pipeline_run = std::move(row.pipeline_run),
      .closed_by = std::move(row.closed_by),
      .closed_reason = std::move(row.closed_reason),
      .requested_time = row.requested_time,
      .closed_time = row.closed_time};
  (void)from_text(row.kind, request.move.place.kind);
  (void)from_text(row.status, request.status);
  return request;
}

template <class Source>
Result<MoveRequest> load(Source& source, std::int64_t id) {
  auto rows = TRY(source.template query<RequestRow>(std::string(kSelectRequests) + "where id = ?", id));
  if (rows.empty()) return not_found("there is no request {}; `millrace model requests` lists them", id);
  auto request = to_request(std::move(rows.front()));
  for (ApprovalRow& row : TRY(source.template query<ApprovalRow>(
           "select who, reason, time from move_approvals where request = ? order by time, who", id))) {
    request.approvals.push_back({std::move(row.who), std::move(row.reason), row.time});
  }
  return request;
}

Result<MoveRequest> load_pending(db::Transaction& tx, std::int64_t id) {
  auto request = TRY(load(tx, id));
  if (request.status == RequestStatus::kPending) return request;
  return failed_precondition("request {} is closed: it was {}{}", id, to_text(request.status),
                             request.closed_by.empty() ? "" : " by " + request.closed_by);
}

Result<void> check_reason(std::string_view reason) {
  if (reason.size() > kLongestReason) return invalid_argument("the reason has more than {} bytes", kLongestReason);
  return {};
}

Result<void> check_place(const Place& place) {
  if (place.kind == PlaceKind::kAlias) return check_alias(place.name);
  Stage stage{};
  if (from_text(place.name, stage) && place.name == to_text(stage) && stage != Stage::kNone) return {};
  return invalid_argument("stage \"{}\" is none of Staging, Production, Archived", place.name);
}

Result<void> check_rule(const Rule& rule) {
  TRY(check_model_name(rule.model));
  TRY(check_place(rule.place));
  if (rule.approvals < 0 || rule.approvals > kMostApprovals)
    return invalid_argument("a rule asks for 0 to {} approvals, not {}", kMostApprovals, rule.approvals);
  if (rule.role != "deployer" && rule.role != "admin")
    return invalid_argument("role \"{}\" is none of deployer, admin, who may approve", rule.role);
  if (rule.gate == Gate::kNotNeeded && rule.approvals == 0)
    return invalid_argument("a rule asks for a gate, for approvals, or for both; this one asks for nothing");
  return {};
}

Result<void> check_person(const Person& who) {
  if (!who.name.empty()) return {};
  return failed_precondition(
      "an approval needs to know who gives it, and this server has no users; `millrace user create` makes the first");
}

Result<void> check_approver(db::Transaction& tx, const MoveRequest& request, const Rule& rule, const Person& who) {
  TRY(check_person(who));
  if (!who.has_role(rule.role)) {
    return fail(Code::kPermissionDenied, "only a person with the role {} may approve request {}, which {} is not",
                rule.role, request.id, who.name);
  }
  if (who.name == request.requested_by) {
    return fail(Code::kPermissionDenied, "{} has asked for request {}; somebody else approves it", who.name,
                request.id);
  }
  const auto makers = TRY(tx.query<std::string>(R"sql(
select v.made_by
from model_versions v join registered_models m on m.number = v.model
where m.name = ? and v.version = ?
)sql",
                                                request.move.model, request.move.version));
  if (std::ranges::find(makers, who.name) == makers.end()) return {};
  return fail(Code::kPermissionDenied, "{} has registered version {} of model {}; somebody else approves it", who.name,
              request.move.version, request.move.model);
}

}  // namespace

std::string_view to_text(RequestStatus status) {
  return std::ranges::find(kStatuses, status, &std::pair<RequestStatus, std::string_view>::first)->second;
}

bool from_text(std::string_view text, RequestStatus& status) {
  for (const auto& [known, name] : kStatuses) {
    if (text != name) continue;
    status = known;
    return true;
  }
  return false;
}

Result<Rule> Moves::set_rule(const Rule& rule) {
  TRY(check_rule(rule));
  db::Transaction tx = TRY(parts_.database.begin());
  const Timestamp now = parts_.clock.now();
  TRY(tx.execute(R"sql(
insert into move_rules (model, kind, place, gate, approvals, role, set_by, set_time)
values (?, ?, ?, ?, ?, ?, ?, ?)
on conflict (model, kind, place) do update
set gate = excluded.gate, approvals = excluded.approvals, role = excluded.role, set_by = excluded.set_by,
  set_time = excluded.set_time
)sql",
                 rule.model, to_text(rule.place.kind), rule.place.name, rule.gate == Gate::kMustPass, rule.approvals,
                 rule.role, acting_for(), now));
  TRY(parts_.events.publish(tx, "move.rule_set", rule.model, now,
                            {{"model", rule.model},
                             {"kind", to_text(rule.place.kind)},
                             {"place", rule.place.name},
                             {"gate", rule.gate == Gate::kMustPass},
                             {"approvals", rule.approvals},
                             {"role", rule.role}}));
  auto stored = TRY(find_rule(tx, rule.model, rule.place));
  TRY(tx.commit());
  return *stored;
}

Result<void> Moves::delete_rule(std::string_view model, const Place& place) {
  db::Transaction tx = TRY(parts_.database.begin());
  const auto deleted = TRY(tx.execute("delete from move_rules where model = ? and kind = ? and place = ?", model,
                                      to_text(place.kind), place.name));
  if (deleted == 0) {
    return not_found("model \"{}\" has no rule for {} \"{}\"", model, to_text(place.kind), place.name);
  }
  TRY(parts_.events.publish(tx, "move.rule_deleted", std::string(model), parts_.clock.now(),
                            {{"model", model}, {"kind", to_text(place.kind)}, {"place", place.name}}));
  return tx.commit();
}

Result<std::vector<Rule>> Moves::list_rules(std::string_view model) const {
  db::Transaction tx = TRY(parts_.database.begin());
  std::vector<Rule> rules;
  for (const auto kind : {PlaceKind::kAlias, PlaceKind::kStage}) {
    for (const std::string& name : TRY(tx.query<std::string>(
             "select place from move_rules where model = ? and kind = ? order by place", model, to_text(kind)))) {
      if (auto rule = TRY(find_rule(tx, model, {kind, name}))) rules.push_back(std::move(*rule));
    }
  }
  return rules;
}

Result<void> Moves::publish(db::Transaction& tx, std::string_view what, const MoveRequest& request,
                            std::string_view reason) {
  Json data{{"request", request.id},
            {"model", request.move.model},
            {"version", request.move.version},
            {"kind", to_text(request.move.place.kind)},
            {"place", request.move.place.name}};
  if (!reason.empty()) data["reason"] = reason;
  if (!request.missing.empty()) data["missing"] = request.missing;
  TRY(parts_.events.publish(tx, fmt::format("move.{}", what), request.move.model, parts_.clock.now(), data));
  return {};
}

Result<std::string> Moves::missing(db::Transaction& tx, const MoveRequest& request) const {
  if (request.status != RequestStatus::kPending) return std::string();
  const auto rule = TRY(find_rule(tx, request.move.model, request.move.place));
  if (!rule) return std::string();
  Evidence evidence{.approvals = static_cast<int>(request.approvals.size())};
  if (rule->gate == Gate::kMustPass && parts_.find_gate) {
    evidence.gate = TRY(parts_.find_gate(request.move.model, request.move.version));
  }
  return decide_move(*rule, evidence).missing;
}

Result<MoveRequest> Moves::request(const NewRequest& asked) {
  TRY(check_place(asked.move.place));
  TRY(check_reason(asked.reason));
  db::Transaction tx = TRY(parts_.database.begin());
  TRY(find_version_row(tx, asked.move.model, asked.move.version));
  const auto waiting = TRY(tx.query<std::int64_t>(
      "select id from move_requests where model = ? and kind = ? and place = ? and version = ? and status = 'pending'",
      asked.move.model, to_text(asked.move.place.kind), asked.move.place.name, asked.move.version));
  if (!waiting.empty()) {
    auto request = TRY(load(tx, waiting.front()));
    request.missing = TRY(missing(tx, request));
    return request;
  }
  if (!TRY(find_rule(tx, asked.move.model, asked.move.place))) {
    return failed_precondition("{} \"{}\" of model \"{}\" has no rule: move it yourself, nobody needs to approve",
                               to_text(asked.move.place.kind), asked.move.place.name, asked.move.model);
  }
  const auto id =
      TRY(tx.insert(R"sql(
insert into move_requests (model, kind, place, version, requested_by, reason, pipeline_run, status, requested_time)
values (?, ?, ?, ?, ?, ?, ?, 'pending', ?)
returning id
)sql",
                    asked.move.model, to_text(asked.move.place.kind), asked.move.place.name, asked.move.version,
                    acting_for(), asked.reason, asked.pipeline_run, parts_.clock.now()));
  auto request = TRY(load(tx, id));
  request.missing = TRY(missing(tx, request));
  TRY(publish(tx, "requested", request, asked.reason));
  TRY(tx.commit());
  return request;
}

// The store asks the rule once more, and closes the request.
Result<void> Moves::apply(db::Transaction& tx, const MoveRequest& request) {
  const auto& move = request.move;
  if (move.place.kind == PlaceKind::kStage) {
    Stage stage{};
    (void)from_text(move.place.name, stage);
    TRY(parts_.store.set_stage(tx, move.model, move.version, stage, Others::kStay));
    TRY(close_waiting(tx, move, parts_.clock.now()));
    return {};
  }
  std::string reason = fmt::format("request {}", request.id);
  if (!request.reason.empty()) reason += ": " + request.reason;
  TRY(parts_.store.set_alias(tx, {.model = move.model,
                                  .alias = move.place.name,
                                  .version = move.version,
                                  .reason = std::move(reason),
                                  .pipeline_run = request.pipeline_run,
                                  .expected_previous = {}}));
  return {};
}

Result<MoveRequest> Moves::approve(std::int64_t id, const Person& who, std::string_view reason) {
  TRY(check_reason(reason));
  db::Transaction tx = TRY(parts_.database.begin());
  auto request = TRY(load_pending(tx, id));
  const auto rule = TRY(find_rule(tx, request.move.model, request.move.place));
  if (rule) TRY(check_approver(tx, request, *rule, who));
  TRY(tx.execute("insert into move_approvals (request, who, reason, time) values (?, ?, ?, ?) on conflict do nothing",
                 id, who.name, reason, parts_.clock.now()));
  request = TRY(load(tx, id));
  request.missing = TRY(missing(tx, request));
  TRY(publish(tx, "approved", request, reason));
  if (request.missing.empty()) TRY(apply(tx, request));
  request = TRY(load(tx, id));
  request.missing = TRY(missing(tx, request));
  TRY(tx.commit());
  return request;
}

Result<void> Moves::close(db::Transaction& tx, const MoveRequest& request, RequestStatus status, const Person& who,
                          std::string_view reason) {
  TRY(tx.execute("update move_requests set status = ?, closed_by = ?, closed_reason = ?, closed_time = ? where id = ?",
                 to_text(status), who.name, reason, parts_.clock.now(), request.id));
  return publish(tx, to_text(status), request, reason);
}

Result<MoveRequest> Moves::reject(std::int64_t id, const Person& who, std::string_view reason) {
  TRY(check_reason(reason));
  db::Transaction tx = TRY(parts_.database.begin());
  const auto request = TRY(load_pending(tx, id));
  TRY(close(tx, request, RequestStatus::kRejected, who, reason));
  auto closed = TRY(load(tx, id));
  TRY(tx.commit());
  return closed;
}

Result<MoveRequest> Moves::withdraw(std::int64_t id, const Person& who, std::string_view reason) {
  TRY(check_reason(reason));
  db::Transaction tx = TRY(parts_.database.begin());
  auto request = TRY(load_pending(tx, id));
  const auto gone = TRY(tx.execute("delete from move_approvals where request = ? and who = ?", id, who.name));
  if (gone > 0) {
    TRY(publish(tx, "approval_withdrawn", request, reason));
  } else if (who.name == request.requested_by) {
    TRY(close(tx, request, RequestStatus::kWithdrawn, who, reason));
  } else {
    return fail(Code::kPermissionDenied,
                "{} has neither asked for request {} nor approved it; `millrace model reject {}`"
                " turns it down",
                who.name, id, id);
  }
  request = TRY(load(tx, id));
  request.missing = TRY(missing(tx, request));
  TRY(tx.commit());
  return request;
}

Result<MoveRequest> Moves::find_request(std::int64_t id) const {
  db::Transaction tx = TRY(parts_.database.begin());
  auto request = TRY(load(tx, id));
  request.missing = TRY(missing(tx, request));
  return request;
}

Result<Page<MoveRequest>> Moves::list_requests(const RequestFilter& filter, const PageRequest& page) const {
  const std::int64_t before =
      page.after.empty() ? std::numeric_limits<std::int64_t>::max() : TRY(cursor_integer(page.after));
  const std::string_view status = filter.status ? to_text(*filter.status) : std::string_view();
  db::Transaction tx = TRY(parts_.database.begin());
  std::vector<MoveRequest> requests;
  for (const auto id :
       TRY(tx.query<std::int64_t>(R"sql(
select id
from move_requests
where (? = '' or model = ?) and (? = '' or status = ?) and id < ?
order by id desc
limit ?
)sql",
                                  filter.model, filter.model, status, status, before, page.rows() + 1))) {
    auto request = TRY(load(tx, id));
    request.missing = TRY(missing(tx, request));
    requests.push_back(std::move(request));
  }
  return make_page(std::move(requests), page, [](const MoveRequest& last) { return std::to_string(last.id); });
}

}  // namespace millrace::registry
