#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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

// In which rows come from the server.
enum class Format { kText = 0, kBinary = 1 };

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

  // `sql` is what errors show. Answers the format in which rows are best asked for.
  Result<Format> prepare(const std::string& name, const std::string& text, std::span<const Value> types,
                         std::string_view sql);
  Result<Answer> run(const std::string& name, std::span<const Value> values, Format format, std::string_view sql);
  // Has `sql`, one statement that answers nothing, run before the next one, without waiting for the server: one way
  // instead of two. Its error is that of the next one.
  void run_before_next(const char* sql) { before_next_.push_back(sql); }
  // Takes the newest of these back; false where the last one was another or has been run.
  bool take_back(std::string_view sql);
  // Of a statement whose parameters are arrays: `values` are rows, each of a value for each of `types`.
  Result<Answer> run_rows(const std::string& name, std::span<const Value> values, std::span<const Type> types,
                          std::string_view sql);

  bool lost() const;
  bool in_transaction() const;  // an open one or a failed one
  bool failed() const;          // a failed one
  const std::string& place() const { return place_; }

 private:
  Session(pg_conn* handle, std::string place) : handle_(handle), place_(std::move(place)) {}
  Result<void> check() const;
  Result<Answer> checked(pg_result* raw, std::string_view sql);
  struct Execution;
  pg_result* execute(const Execution& execution);
  pg_result* execute_after(const Execution& execution);
  pg_result* next_answer();

  std::unique_ptr<pg_conn, FinishSession> handle_;
  std::string place_;
  bool broken_ = false;  // before libpq has noticed
  std::vector<const char*> before_next_;
};

}  // namespace millrace::db
