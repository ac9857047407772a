#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "serving/composition_spec.h"

namespace millrace::db {
class Database;
}
namespace millrace::events {
class Log;
}

namespace millrace::serving {

// A registered version that answers, or helps to.
struct MemberVersion {
  std::string model;
  std::int64_t version = 0;
  bool operator==(const MemberVersion&) const = default;
};

// A composition at a moment: what its document says, and the versions that its members' names mean, in the order of
// spec.all().
struct Composed {
  const CompositionSpec& spec;
  std::vector<MemberVersion> members;
};

// Compositions have versions, too: 1, 2, 3... at each endpoint, kept for ever, so that a prediction can be traced.
// Thread-safe. A new number is an event in its transaction:
//   endpoint.composed  subject: the endpoint   {version, composition, members: [{model, version}]}
class CompositionStore {
 public:
  struct Parts {
    db::Database& database;
    events::Log& events;
    const Clock& clock;  // of event times
  };
  static Result<std::unique_ptr<CompositionStore>> open(Parts parts);

  // The same members, combined in the same way, have the same number again, also after a restart; all else the next.
  Result<std::int64_t> number_of(const std::string& endpoint, const Composed& composed);
  // For a process that answers as another does: the composition has the number that it has there, and no other of the
  // endpoint is known.
  Result<void> put_number(const std::string& endpoint, const Composed& composed, std::int64_t number);
  // In the composition's order; kNotFound for a number that was not given.
  Result<std::vector<MemberVersion>> find_members(std::string_view endpoint, std::int64_t number) const;

  struct Numbered {
    std::string endpoint;
    std::int64_t number = 0;
  };
  // The compositions that a version is a member of, the newest first.
  Result<std::vector<Numbered>> list_with(const MemberVersion& member, int limit) const;

 private:
  explicit CompositionStore(Parts parts) : parts_(parts) {}

  Parts parts_;
};

// "composition:ENDPOINT/NUMBER", a node of the lineage graph.
std::string node_of_composition(std::string_view endpoint, std::int64_t number);

}  // namespace millrace::serving
