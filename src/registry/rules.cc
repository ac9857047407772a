#include "registry/rules.h"

#include <boost/describe.hpp>

#include "base/actor.h"
#include "db/db.h"

namespace millrace::registry {

namespace {

struct RuleRow {
  std::string model;
  std::string kind;
  std::string place;
  bool gate = false;
  int approvals = 0;
  std::string role;
  std::string set_by;
  Timestamp set_time;
};
BOOST_DESCRIBE_STRUCT(RuleRow, (), (model, kind, place, gate, approvals, role, set_by, set_time))

// The request for a move that waits, and how many have approved of it.
struct Waiting {
  std::int64_t id = 0;
  int approvals = 0;
};
BOOST_DESCRIBE_STRUCT(Waiting, (), (id, approvals))

Result<std::vector<Waiting>> find_waiting(db::Transaction& tx, const Move& move) {
  return tx.query<Waiting>(R"sql(
select r.id, (select count(*) from move_approvals a where a.request = r.id)
from move_requests r
where r.model = ? and r.kind = ? and r.place = ? and r.version = ? and r.status = 'pending'
)sql",
                           move.model, to_text(move.place.kind), move.place.name, move.version);
}

std::string how_to_ask(const Move& move, const Rule& rule, const std::vector<Waiting>& waiting) {
  if (!waiting.empty()) {
    return fmt::format("request {} for it waits: `millrace model approve {}`", waiting.front().id, waiting.front().id);
  }
  if (rule.approvals == 0) return "a pipeline's `gate` step decides; `millrace gate list` shows what it decided";
  return fmt::format("ask for it with `millrace model request {}/{} --{} {} --reason WHY`", move.model, move.version,
                     to_text(move.place.kind), move.place.name);
}

}  // namespace

std::string_view to_text(PlaceKind kind) { return kind == PlaceKind::kAlias ? "alias" : "stage"; }

bool from_text(std::string_view text, PlaceKind& kind) {
  for (const auto known : {PlaceKind::kAlias, PlaceKind::kStage}) {
    if (text != to_text(known)) continue;
    kind = known;
    return true;
  }
  return false;
}

Verdict decide_move(const Rule& rule, const Evidence& evidence) {
  std::string missing;
  if (rule.gate == Gate::kMustPass && !evidence.gate.passed) {
    missing = evidence.gate.decided ? fmt::format("a passed gate (it was rejected: {})", evidence.gate.reason)
                                    : "a passed gate (none has decided on this version)";
  }
  if (const int more = rule.approvals - evidence.approvals; more > 0) {
    if (!missing.empty()) missing += " and ";
    missing += more == 1 ? fmt::format("the approval of another {}", rule.role)
                         : fmt::format("the approvals of {} other people with the role {}", more, rule.role);
  }
  return {.allowed = missing.empty(), .missing = std::move(missing)};
}

Result<std::optional<Rule>> find_rule(db::Transaction& tx, std::string_view model, const Place& place) {
  auto rows =
      TRY(tx.query<RuleRow>("select model, kind, place, gate, approvals, role, set_by, set_time from move_rules"
                            " where model = ? and kind = ? and place = ?",
                            model, to_text(place.kind), place.name));
  if (rows.empty()) return std::nullopt;
  RuleRow& row = rows.front();
  return Rule{.model = std::move(row.model),
              .place = place,
              .gate = row.gate ? Gate::kMustPass : Gate::kNotNeeded,
              .approvals = row.approvals,
              .role = std::move(row.role),
              .set_by = std::move(row.set_by),
              .set_time = row.set_time};
}

Result<std::int64_t> pass_rule(db::Transaction& tx, const Move& move, const FindGate& find_gate, Timestamp now) {
  const auto rule = TRY(find_rule(tx, move.model, move.place));
  const auto waiting = TRY(find_waiting(tx, move));
  if (rule) {
    Evidence evidence{.approvals = waiting.empty() ? 0 : waiting.front().approvals};
    if (rule->gate == Gate::kMustPass && find_gate) evidence.gate = TRY(find_gate(move.model, move.version));
    const Verdict verdict = decide_move(*rule, evidence);
    if (!verdict) {
      return fail(Code::kPermissionDenied, "{} \"{}\" of model \"{}\" can not be moved to version {}: it needs {}; {}",
                  to_text(move.place.kind), move.place.name, move.model, move.version, verdict.missing,
                  how_to_ask(move, *rule, waiting));
    }
  }
  return close_waiting(tx, move, now);
}

Result<std::int64_t> close_waiting(db::Transaction& tx, const Move& move, Timestamp now) {
  const auto waiting = TRY(find_waiting(tx, move));
  if (waiting.empty()) return 0;
  TRY(tx.execute("update move_requests set status = 'applied', closed_by = ?, closed_time = ? where id = ?",
                 acting_for(), now, waiting.front().id));
  return waiting.front().id;
}

Result<void> check_renaming(db::Transaction& tx, std::string_view name, std::string_view new_name) {
  for (const auto which : {name, new_name}) {
    const auto rules = TRY(tx.query<std::string>("select place from move_rules where model = ? order by place", which));
    if (rules.empty()) continue;
    return fail(
        Code::kFailedPrecondition,
        "model \"{}\" has a rule for \"{}\", which a renamed model would escape or lose; an admin takes it away "
        "first, with `millrace model rule`",
        which, rules.front());
  }
  return {};
}

Result<std::vector<std::int64_t>> cancel_requests(db::Transaction& tx, std::string_view model, std::int64_t version,
                                                  Timestamp now) {
  auto ids = TRY(tx.query<std::int64_t>(
      "select id from move_requests where model = ? and (? = 0 or version = ?) and status = 'pending' order by id",
      model, version, version));
  for (const auto id : ids) {
    TRY(
        tx.execute("update move_requests set status = 'cancelled', closed_by = ?, closed_reason = ?, closed_time = ?"
                   " where id = ?",
                   acting_for(), "the version was deleted", now, id));
  }
  return ids;
}

}  // namespace millrace::registry
