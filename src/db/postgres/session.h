#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "db/value.h"

struct pg_conn;
struct pg_result;

namespace millrace::db {

struct FinishSession {
  void operator()(pg_conn* handle) const;
};
struct ClearAnswer {
  void operator()(pg_result* answer) const;
};
using Answer = std::unique_ptr<pg_result, ClearAnswer>;

// A session with a PostgreSQL server: libpq's calls with our errors. A full disk is kResourceExhausted, a broken unique
// rule kAlreadyExists, any other rule kFailedPrecondition, a lost connection kUnavailable.
class Session {
 public:
  // `place` is what errors call the database.
  static Result<Session> open(const std::string& uri, std::string place);

  // Runs SQL of PostgreSQL's own dialect, any number of statements; answers the last one's rows.
  Result<Answer> script(const std::string& sql);
  // The same, for its first row's first column, which must be there.
  Result<std::string> value(const std::string& sql);

  // `sql` is what errors show.
  Result<void> prepare(const std::string& name, const std::string& text, std::span<const Value> types,
                       std::string_view sql);
  Result<Answer> run(const std::string& name, std::span<const Value> values, std::string_view sql);

  bool lost() const;
  bool in_transaction() const;  // an open one or a failed one
  bool failed() const;          // a failed one
  const std::string& place() const { return place_; }

 private:
  Session(pg_conn* handle, std::string place) : handle_(handle), place_(std::move(place)) {}
  Result<void> check() const;
  Result<Answer> checked(pg_result* raw, std::string_view sql);

  std::unique_ptr<pg_conn, FinishSession> handle_;
  std::string place_;
  bool broken_ = false;  // before libpq has noticed
};

}  // namespace millrace::db
