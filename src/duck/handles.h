#pragma once

// Owners for DuckDB's C handles. Only for the .cc files of this module.

#include <duckdb.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "duck/duck.h"

namespace millrace::duck {

// A C handle that is a pointer and is destroyed through a pointer to it.
template <typename T, void (*Destroy)(T*)>
class Handle {
 public:
  Handle() = default;
  explicit Handle(T value) : value_(value) {}
  ~Handle() { reset(); }
  Handle(Handle&& other) noexcept : value_(std::exchange(other.value_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  T get() const { return value_; }
  T* out() {
    reset();
    return &value_;
  }
  explicit operator bool() const { return value_ != nullptr; }

 private:
  void reset() {
    if (value_ != nullptr) Destroy(&value_);
    value_ = nullptr;
  }
  T value_ = nullptr;
};

inline void destroy_appender(duckdb_appender* appender) { duckdb_appender_destroy(appender); }

using InstanceHandle = Handle<duckdb_database, duckdb_close>;
using ConnectionHandle = Handle<duckdb_connection, duckdb_disconnect>;
using ConfigHandle = Handle<duckdb_config, duckdb_destroy_config>;
using PreparedHandle = Handle<duckdb_prepared_statement, duckdb_destroy_prepare>;
using StatementsHandle = Handle<duckdb_extracted_statements, duckdb_destroy_extracted>;
using PendingHandle = Handle<duckdb_pending_result, duckdb_destroy_pending>;
using ChunkHandle = Handle<duckdb_data_chunk, duckdb_destroy_data_chunk>;
using TypeHandle = Handle<duckdb_logical_type, duckdb_destroy_logical_type>;
using ErrorHandle = Handle<duckdb_error_data, duckdb_destroy_error_data>;
using AppenderHandle = Handle<duckdb_appender, destroy_appender>;

struct ResultHandle {
  duckdb_result value{};
  ResultHandle() = default;
  ResultHandle(const ResultHandle&) = delete;
  ResultHandle& operator=(const ResultHandle&) = delete;
  ~ResultHandle() { duckdb_destroy_result(&value); }
};

// An error's parts, out of the JSON text that DuckDB makes of it (the option errors_as_json is on).
struct ErrorText {
  std::string kind;     // "Binder", "Parser", "IO", ...
  std::string message;  // the first line
  std::string candidates;
  std::optional<std::size_t> position;  // byte offset into the SQL
};
ErrorText read_error(const char* text);
// DuckDB's sentences begin with a capital letter and may end in a full stop or an exclamation mark; ours do not.
std::string plain_sentence(std::string message);
Error to_error(const char* text);

// The handle of a connection, for the other files of this module.
struct ConnectionAccess {
  static duckdb_connection handle(Connection& connection);
};

// The first statement of `sql`, prepared; kInvalidArgument unless there is exactly one. The raw error text goes to
// `raw`.
Result<PreparedHandle> prepare_one(duckdb_connection connection, std::string_view sql, std::string* raw = nullptr);

std::vector<ColumnType> prepared_columns(duckdb_prepared_statement statement);

// What a column of this DuckDB type is read as; false in `direct` where it must be cast to text first.
struct ReadAs {
  Type type;
  bool direct;
};
ReadAs read_as(duckdb_type type);

// Appends the values of one vector to `column`, whose type is read_as(type).
Result<void> read_vector(duckdb_vector vector, std::size_t rows, Column& column);

TypeHandle logical_type(Type type);

// Writes rows [from, from + count) of a column into a vector made with logical_type(column.type).
void write_vector(const Column& column, std::size_t from, std::size_t count, duckdb_vector vector);

}  // namespace millrace::duck
