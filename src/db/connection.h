#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/result.h"
#include "db/value.h"

struct sqlite3;
struct sqlite3_stmt;

namespace millrace::db {

struct CloseConnection {
  void operator()(sqlite3* handle) const;
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* handle) const;
};

// One run of a prepared statement; ends it when destroyed. Columns count from 0; text lives until the next row.
class Cursor {
 public:
  explicit Cursor(sqlite3_stmt* statement) : statement_(statement) {}
  ~Cursor();
  Cursor(Cursor&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  Cursor(const Cursor&) = delete;

  // Moves to the next row; false after the last one.
  Result<bool> next();

  int columns() const;
  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string_view text(int column) const;
  std::string_view sql() const;

 private:
  sqlite3_stmt* statement_;
};

// A connection to a SQLite file with the statements prepared on it. For one thread at a time.
class Connection {
 public:
  enum class Access { kReadWrite, kReadOnly };
  static Result<Connection> open(const std::filesystem::path& path, Access access);

  // Prepares `sql` (one statement; kept for the next time), binds and hands out the cursor before its first row.
  Result<Cursor> run(std::string_view sql, std::span<const Value> values);
  // Runs any number of statements without parameters.
  Result<void> script(const std::string& sql);

  std::int64_t rows_changed() const;
  std::int64_t last_insert_rowid() const;
  bool in_transaction() const;

 private:
  using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;
  struct TextHash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  explicit Connection(sqlite3* handle) : handle_(handle) {}
  Result<sqlite3_stmt*> prepare(std::string_view sql);

  std::unique_ptr<sqlite3, CloseConnection> handle_;
  std::unordered_map<std::string, Statement, TextHash, std::equal_to<>> statements_;
};

// The Error for what just went wrong on a connection, in words for a person: a full disk is kResourceExhausted, a
// damaged file kDataLoss, a broken unique rule kAlreadyExists, any other rule kFailedPrecondition, a busy file
// kUnavailable.
Error sqlite_error(sqlite3* handle, std::string_view sql = {});

}  // namespace millrace::db
