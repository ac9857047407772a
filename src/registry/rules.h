#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace millrace::db {
class Transaction;
}

namespace millrace::registry {

// Where a version can be moved to: an alias, or one of the stages of old.
enum class PlaceKind { kAlias, kStage };
std::string_view to_text(PlaceKind kind);  // "alias"
bool from_text(std::string_view text, PlaceKind& kind);

struct Place {
  PlaceKind kind = PlaceKind::kAlias;
  std::string name;  // "champion", "Production"

  bool operator==(const Place&) const = default;
};

enum class Gate { kNotNeeded, kMustPass };

// What must be before a version of a model is moved to a place. It goes by the model's name, and stays when the model
// is deleted, so that one made anew is under it, too.
struct Rule {
  std::string model;
  Place place;
  Gate gate = Gate::kNotNeeded;   // the version's newest gate decision must be a pass
  int approvals = 0;              // by so many people, none of whom asked for the move or registered the version
  std::string role = "deployer";  // the least that an approver has: deployer or admin
  std::string set_by;
  Timestamp set_time;
};

// How the newest gate decided on a version.
struct GateStanding {
  bool decided = false;
  bool passed = false;
  std::string reason;
};
using FindGate = std::function<Result<GateStanding>(const std::string& model, std::int64_t version)>;

struct Evidence {
  GateStanding gate;
  int approvals = 0;
};

struct Verdict {
  bool allowed = true;
  std::string missing;  // what is, for a person: "a passed gate and 1 approval"; empty where allowed

  explicit operator bool() const { return allowed; }
};
Verdict decide_move(const Rule& rule, const Evidence& evidence);

struct Move {
  std::string model;
  Place place;
  std::int64_t version = 0;
};

// Within the transaction that makes the move: kPermissionDenied, with what is missing and how to ask for it, where the
// place has a rule and it is not met. Else a request for the move that waits is closed as made; answers its number, or
// 0.
Result<std::int64_t> pass_rule(db::Transaction& tx, const Move& move, const FindGate& find_gate, Timestamp now);

// A request for the move that waits is closed as made; answers its number, or 0.
Result<std::int64_t> close_waiting(db::Transaction& tx, const Move& move, Timestamp now);

Result<std::optional<Rule>> find_rule(db::Transaction& tx, std::string_view model, const Place& place);
// kFailedPrecondition for a model whose places have rules, which a new name would lose or escape.
Result<void> check_renaming(db::Transaction& tx, std::string_view name, std::string_view new_name);
// Requests that wait are closed, of one version or (0) of all: what they ask for is gone. Answers their numbers.
Result<std::vector<std::int64_t>> cancel_requests(db::Transaction& tx, std::string_view model, std::int64_t version,
                                                  Timestamp now);

}  // namespace millrace::registry
