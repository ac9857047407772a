#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "duck/quote.h"
#include "duck/table.h"

namespace millrace::duck {

struct Options {
  std::uint64_t memory_limit = std::uint64_t{1} << 30;  // bytes; what does not fit spills into temp_directory
  int threads = 2;
  std::filesystem::path temp_directory;  // empty: nothing is spilled, a query that needs more memory fails
};

class Connection;

// An in-memory DuckDB instance. It starts with the first connect(), not with open(), so that a process that has not
// yet used it pays nothing. Thread-safe. The time zone is UTC, and results keep the order of their files.
class Database {
 public:
  static Result<std::unique_ptr<Database>> open(Options options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Connections see the same tables, save temporary ones; each may be used by one thread at a time. A connection keeps
  // the instance alive.
  Result<Connection> connect();

 private:
  friend class Sandbox;
  struct Instance;
  explicit Database(Options options);

  std::shared_ptr<Instance> instance_;
};

// Errors: kInvalidArgument for SQL or data that is at fault, kResourceExhausted where memory or disk ran out,
// kCancelled after interrupt(), kInternal else. Messages are DuckDB's first line, without its class of error.
class Connection {
 public:
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  // Runs one statement and reads its whole result. Parameters stand as ? or $1.
  Result<Table> query(std::string_view sql, const std::vector<Parameter>& parameters = {});

  // The same, handed over piece by piece (some thousand rows each, in order), so that a result of any size takes
  // bounded memory. The table is reused between calls; the visitor must not use the connection. Stops at its first
  // error and returns it.
  using Visitor = std::function<Result<void>(Table& chunk)>;
  Result<void> stream(std::string_view sql, const Visitor& visit, const std::vector<Parameter>& parameters = {});

  // Runs one or more statements for their effect; the number of rows that the last one changed.
  Result<std::int64_t> execute(std::string_view sql, const std::vector<Parameter>& parameters = {});

  // Appends rows to an existing table (also a temporary one) whose columns have these types, by position.
  Result<void> append(std::string_view table, const Table& rows);
  // create or replace temp table NAME with these columns, then append().
  Result<void> create_temp_table(std::string_view name, const Table& rows);

  // The columns that a query has, without running it.
  Result<std::vector<ColumnType>> describe(std::string_view select);

  // Stops the statement that is running on this connection, which then fails with kCancelled. From any thread.
  void interrupt();

 private:
  friend class Database;
  friend struct ConnectionAccess;
  struct State;
  explicit Connection(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace millrace::duck
