#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "base/result.h"
#include "base/time.h"

namespace millrace::db {
class Database;
}

namespace millrace::openlineage {

class Outbox;

// What the operator's OpenLineage server is told and how: an URL ("http://marquez:5000", to which /api/v1/lineage is
// added, or one with a path) and its key, sent as a bearer token; or none.
struct Destination {
  std::string url;
  std::string key;
};

// Posts the outbox to one place, in order, each message until it is taken: what does not answer or answers 5xx, 408 or
// 429 is told again, ever more slowly, up to once a minute; what answers otherwise will not be told again. The place in
// the log is kept in the database, so a message may come twice, and none is lost.
class Poster {
 public:
  // kInvalidArgument for a malformed URL. The tables are those of Inbox, which is opened before. Starts at once.
  static Result<std::unique_ptr<Poster>> start(db::Database& database, const Outbox& outbox, Destination destination);
  ~Poster();

 private:
  struct State;
  explicit Poster(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
  std::jthread thread_;
};

// The wait after so many failures in a row.
Duration wait_after(int failures);

}  // namespace millrace::openlineage
