#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "db/value.h"

namespace millrace::db {

// What a commit outlives. Both are atomic and in order.
enum class Durability {
  kFull,     // the machine's loss of power: synced to disk
  kRelaxed,  // the process's death only; a loss of power may take the newest such commits. Several times cheaper
};

// A prepared statement and the rows of its present run. Columns count from 0; text lives until the next row.
class Statement {
 public:
  virtual ~Statement() = default;

  // Moves to the next row; false after the last one.
  virtual Result<bool> next() = 0;

  virtual int columns() const = 0;
  virtual bool is_null(int column) const = 0;
  virtual std::int64_t integer(int column) const = 0;
  virtual double real(int column) const = 0;
  virtual std::string_view text(int column) const = 0;
  virtual std::string_view sql() const = 0;

  // Ends the run, so that the next may begin.
  virtual void end() = 0;
};

// One run of a statement; ends it when destroyed.
class Cursor {
 public:
  explicit Cursor(Statement& statement) : statement_(&statement) {}
  ~Cursor() {
    if (statement_ != nullptr) statement_->end();
  }
  Cursor(Cursor&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  Cursor& operator=(Cursor&&) = delete;

  Result<bool> next() { return statement_->next(); }
  int columns() const { return statement_->columns(); }
  bool is_null(int column) const { return statement_->is_null(column); }
  std::int64_t integer(int column) const { return statement_->integer(column); }
  double real(int column) const { return statement_->real(column); }
  std::string_view text(int column) const { return statement_->text(column); }
  std::string_view sql() const { return statement_->sql(); }

 private:
  Statement* statement_;
};

enum class TransactionState {
  kNone,    // none has begun, or the database itself has rolled it back, after a full disk for one
  kOpen,    // statements may be run
  kLost,    // the connection is gone, and with it what was done
  kFailed,  // a statement failed: only a rollback can follow, of the whole or of a part
};

// A connection to a database, with the statements prepared on it. For one thread at a time.
class Connection {
 public:
  virtual ~Connection() = default;

  // Prepares `sql` (one statement; kept for the next time), binds and hands out the cursor before its first row.
  virtual Result<Cursor> run(std::string_view sql, std::span<const Value> values) = 0;
  // Runs `sql`, an insert of one row of `width` parameters, for each row of `values`.
  virtual Result<void> run_rows(std::string_view sql, std::span<const Value> values, std::size_t width) = 0;
  // Runs any number of statements without parameters.
  virtual Result<void> script(const std::string& sql) = 0;
  // By the statement that ran last.
  virtual std::int64_t rows_changed() const = 0;

  virtual Result<void> begin(Durability durability) = 0;
  virtual Result<void> commit() = 0;
  virtual TransactionState state() const = 0;

  // A part of a transaction, which may hold others. Undone, the transaction is kOpen even if it was kFailed.
  virtual Result<void> begin_part() = 0;
  virtual Result<void> end_part() = 0;
  virtual Result<void> undo_part() = 0;

  // Sees to it that the numbers drawn for new rows come after those that are there, whoever gave them.
  virtual Result<void> settle_numbers() = 0;
};

class Catalog;

// A kind of database, and where this one is. Thread-safe.
class Backend {
 public:
  virtual ~Backend() = default;

  // What messages call it: a file's path, or a URI without password.
  virtual const std::string& place() const = 0;
  virtual const Catalog& catalog() const = 0;

  // The only connection that changes anything.
  virtual Result<std::unique_ptr<Connection>> open_writer() = 0;
  // One that reads what was committed when each statement began.
  virtual Result<std::unique_ptr<Connection>> open_reader() = 0;
};

// By a URI as Database::open() takes it.
Result<std::unique_ptr<Backend>> find_backend(const std::string& uri);

}  // namespace millrace::db
