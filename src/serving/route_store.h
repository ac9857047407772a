#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "serving/bandit.h"
#include "serving/route_spec.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db
namespace millrace::events {
class Log;
}

namespace millrace::serving {

// Routes that a person set beside those of the endpoint's document.
struct RouteOverride {
  RoutesSpec routes;
  std::string who;  // "" where that is not known
  std::string reason;
  Timestamp set_time;
};

// How requests are divided, and by whose word.
struct RoutesInForce {
  RoutesSpec routes;
  std::optional<RouteOverride> by_hand;    // set beside the document
  std::optional<BanditEvidence> evidence;  // of a bandit that has looked at labels
};

// Which routes are in force, across restarts. The document is the truth: an override holds until the document itself
// says other routes than it did when the override was set, or until somebody resets it. Thread-safe.
//
// A change of what is in force is an event (of whoever this thread acts for), in the transaction of the change:
//   endpoint.routes_changed  subject: the endpoint   {routes, previous, source, reason}
// source: "document", "hand" or "reset"; routes and previous as documents say them. And what a bandit goes by:
//   endpoint.bandit_updated  subject: the endpoint   {reward, arms: [{name, version, trials, reward, share}]}
class RouteStore {
 public:
  struct Parts {
    db::Database& database;
    events::Log& events;
    const Clock& clock;  // of event times
  };
  static Result<std::unique_ptr<RouteStore>> open(Parts parts);

  // The document's routes, again or for the first time. An override that has to give way is gone.
  Result<void> declare(const std::string& endpoint, const RoutesSpec& declared);
  // kInvalidArgument without a reason. Setting what is in force already changes nothing and is no event.
  Result<void> set(const std::string& endpoint, const RoutesSpec& routes, const std::string& reason);
  // Back to the document's; nothing where there is no override.
  Result<void> reset(const std::string& endpoint, const std::string& reason);
  // By this document.
  Result<RoutesInForce> find_routes(const std::string& endpoint, const RoutesSpec& declared) const;

  // What the endpoint's bandit goes by from now on, in the place of what it went by.
  struct BanditUpdate {
    std::string endpoint;
    std::string reward;  // as the document says it
    BanditEvidence evidence;
    struct Arm {
      std::string name;
      std::int64_t version = 0;
      double share = 0;
    };
    std::vector<Arm> arms;  // those that have a model
  };
  Result<void> update_bandit(const BanditUpdate& update);
  Result<std::optional<BanditEvidence>> find_evidence(const std::string& endpoint) const;

  // The endpoint is no more.
  Result<void> remove(const std::string& endpoint);

  // That which would hold if the document declared these routes.
  Result<std::optional<RouteOverride>> find_override(const std::string& endpoint, const RoutesSpec& declared) const;
  // That which holds by the document as it was declared last.
  Result<std::optional<RouteOverride>> find_override(const std::string& endpoint) const;

 private:
  struct Change;
  explicit RouteStore(Parts parts) : parts_(parts) {}
  Result<void> publish(db::Transaction& tx, const Change& change);

  Parts parts_;
};

}  // namespace millrace::serving
