#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace millrace::db {
class Database;
}

namespace millrace::access {

// One change that somebody made, or tried to.
struct AuditEntry {
  std::int64_t id = 0;
  Timestamp time;        // of the machine's clock
  std::string who;       // "" for nobody in particular
  std::string known_by;  // as Principal::by
  std::string remote;    // address and port
  std::string method;
  std::string route;     // the pattern
  std::string resource;  // the path, decoded
  int status = 0;        // of the answer
};
BOOST_DESCRIBE_STRUCT(AuditEntry, (), (id, time, who, known_by, remote, method, route, resource, status))

// Who changed what: rows that are only added, each of at most two kilobytes or so. Thread-safe.
class Audit {
 public:
  // The tables are those of Store, which is opened before.
  explicit Audit(db::Database& database) : database_(database) {}

  // On disk when it returns. Texts are cut where they are too long.
  Result<void> add(AuditEntry entry);
  // Newest first, before the entry `before` (0: from the newest); of one user, or of all where `who` is "".
  Result<std::vector<AuditEntry>> list(std::int64_t before, int limit, std::string_view who = {}) const;

 private:
  db::Database& database_;
};

}  // namespace millrace::access
