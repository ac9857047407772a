#pragma once

#include <memory>

#include "base/page.h"
#include "registry/rules.h"

namespace millrace::db {
class Database;
}
namespace millrace::events {
class Log;
}

namespace millrace::registry {

class Store;

enum class RequestStatus { kPending, kApplied, kRejected, kWithdrawn, kCancelled };
std::string_view to_text(RequestStatus status);  // "pending"
bool from_text(std::string_view text, RequestStatus& status);

struct Approval {
  std::string who;
  std::string reason;
  Timestamp time;
};

// That a version be moved, and what became of it.
struct MoveRequest {
  std::int64_t id = 0;
  Move move;
  std::string requested_by;  // "" where the server did not know
  std::string reason;
  std::string pipeline_run;  // that asked; or empty
  RequestStatus status = RequestStatus::kPending;
  std::string closed_by;
  std::string closed_reason;
  Timestamp requested_time;
  std::optional<Timestamp> closed_time;
  std::vector<Approval> approvals;  // in the order of their coming
  std::string missing;              // of one that waits: what the rule still wants; empty: nothing
};

struct NewRequest {
  Move move;
  std::string reason;
  std::string pipeline_run;
};

// Who decides on a request.
struct Person {
  std::string name;
  std::function<bool(std::string_view role)> has_role;  // at least this one
};

struct RequestFilter {
  std::string model;                    // "" for all
  std::optional<RequestStatus> status;  // none: all
};

// Rules for moves of a registry's versions, and requests for moves that need more than their asker. Thread-safe; what
// happens at the same time happens one after the other.
//
// Publishes, subject the model, with {request, model, version, kind, place} and what is named:
//   move.requested {reason, missing}   move.approved {reason, missing}   move.approval_withdrawn {}
//   move.applied {}   move.rejected {reason}   move.withdrawn {reason}   move.cancelled {reason}
//   move.rule_set and move.rule_deleted {model, kind, place, gate, approvals, role}
class Moves {
 public:
  // The tables are those of Store, which is opened before.
  struct Parts {
    db::Database& database;
    events::Log& events;
    Store& store;
    const Clock& clock;
    FindGate find_gate;
  };
  explicit Moves(Parts parts) : parts_(std::move(parts)) {}

  // One rule a place; another replaces it. The model need not be there yet. kInvalidArgument for one that asks nothing.
  Result<Rule> set_rule(const Rule& rule);
  Result<void> delete_rule(std::string_view model, const Place& place);
  Result<std::vector<Rule>> list_rules(std::string_view model) const;

  // A request that waits for the same move is answered instead of a second one.
  Result<MoveRequest> request(const NewRequest& request);
  // Moves the version if nothing is missing then. kPermissionDenied for whoever asked for it, registered the version,
  // is no person or lacks the role; kFailedPrecondition where it is closed, or the server has no users.
  Result<MoveRequest> approve(std::int64_t id, const Person& who, std::string_view reason);
  Result<MoveRequest> reject(std::int64_t id, const Person& who, std::string_view reason);
  // Takes back what `who` did: the approval, or the request as a whole.
  Result<MoveRequest> withdraw(std::int64_t id, const Person& who, std::string_view reason);

  Result<MoveRequest> find_request(std::int64_t id) const;
  Result<Page<MoveRequest>> list_requests(const RequestFilter& filter, const PageRequest& page) const;  // newest first

 private:
  Result<void> apply(db::Transaction& tx, const MoveRequest& request);
  Result<void> publish(db::Transaction& tx, std::string_view what, const MoveRequest& request, std::string_view reason);
  Result<void> close(db::Transaction& tx, const MoveRequest& request, RequestStatus status, const Person& who,
                     std::string_view reason);
  Result<std::string> missing(db::Transaction& tx, const MoveRequest& request) const;

  Parts parts_;
};

}  // namespace millrace::registry
