#include "db/connection.h"

#include <sqlite3.h>

#include <cerrno>
#include <utility>

namespace millrace::db {

namespace {

// More than the program has; only a caller that builds SQL out of values would reach it.
constexpr std::size_t kMaxStatements = 1000;

Code code_of(int extended, int system_errno) {
  switch (extended & 0xff) {
    case SQLITE_FULL:
      return Code::kResourceExhausted;
    case SQLITE_IOERR:
      return system_errno == ENOSPC ? Code::kResourceExhausted : Code::kUnavailable;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Code::kDataLoss;
    case SQLITE_CONSTRAINT:
      return extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY
                 ? Code::kAlreadyExists
                 : Code::kFailedPrecondition;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
      return Code::kUnavailable;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return Code::kPermissionDenied;
    default:
      return Code::kInternal;
  }
}

std::string file_of(sqlite3* handle) {
  const char* name = sqlite3_db_filename(handle, "main");
  return name == nullptr || *name == '\0' ? "the database" : name;
}

void bind(sqlite3_stmt* statement, int index, const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) sqlite3_bind_int64(statement, index, *integer);
  if (const auto* real = std::get_if<double>(&value)) sqlite3_bind_double(statement, index, *real);
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    // A null pointer would bind null, and an empty view may have one.
    const char* bytes = text->data() == nullptr ? "" : text->data();
    sqlite3_bind_text64(statement, index, bytes, text->size(), SQLITE_STATIC, SQLITE_UTF8);
  }
}

constexpr const char* kReadWriteSettings = R"sql(
pragma journal_mode = wal;
pragma synchronous = full;
pragma foreign_keys = on;
pragma temp_store = memory;
pragma trusted_schema = off;
)sql";

constexpr const char* kReadOnlySettings = R"sql(
pragma query_only = on;
pragma temp_store = memory;
pragma trusted_schema = off;
)sql";

}  // namespace

void CloseConnection::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
void FinalizeStatement::operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }

Error sqlite_error(sqlite3* handle, std::string_view sql) {
  const Code code = code_of(sqlite3_extended_errcode(handle), sqlite3_system_errno(handle));
  const std::string file = file_of(handle);
  const char* reason = sqlite3_errmsg(handle);
  switch (code) {
    case Code::kResourceExhausted:
      return {code, fmt::format("no space left on device while writing {}; make room and try again", file)};
    case Code::kDataLoss:
      return {code, fmt::format("{} is damaged ({}); restore it from a backup", file, reason)};
    case Code::kUnavailable:
      return {code, fmt::format("cannot use {}: {}", file, reason)};
    case Code::kPermissionDenied:
      return {code, fmt::format("cannot write {}: {}", file, reason)};
    case Code::kInternal:
      return {code, fmt::format("{} (in: {})", reason, sql)};
    default:
      return {code, reason};
  }
}

Cursor::~Cursor() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Result<bool> Cursor::next() {
  switch (sqlite3_step(statement_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return std::unexpected(sqlite_error(sqlite3_db_handle(statement_), sql()));
  }
}

int Cursor::columns() const { return sqlite3_column_count(statement_); }
bool Cursor::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
std::int64_t Cursor::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double Cursor::real(int column) const { return sqlite3_column_double(statement_, column); }
std::string_view Cursor::sql() const { return sqlite3_sql(statement_); }

std::string_view Cursor::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

Result<Connection> Connection::open(const std::filesystem::path& path, Access access) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int status = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  if (handle == nullptr) return fail(Code::kResourceExhausted, "no memory to open {}", path.string());
  Connection connection(handle);
  if (status != SQLITE_OK) return fail(Code::kUnavailable, "cannot open {}: {}", path.string(), sqlite3_errmsg(handle));
  sqlite3_busy_timeout(handle, 10'000);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  TRY(connection.script(access == Access::kReadWrite ? kReadWriteSettings : kReadOnlySettings));
  return connection;
}

Result<sqlite3_stmt*> Connection::prepare(std::string_view sql) {
  if (auto known = statements_.find(sql); known != statements_.end()) return known->second.get();
  sqlite3_stmt* raw = nullptr;
  const int status = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  Statement statement(raw);
  if (status != SQLITE_OK) return std::unexpected(sqlite_error(handle_.get(), sql));
  if (statement == nullptr) return internal_error("not a statement: \"{}\"", sql);
  if (statements_.size() >= kMaxStatements) statements_.clear();
  return statements_.emplace(sql, std::move(statement)).first->second.get();
}

Result<Cursor> Connection::run(std::string_view sql, std::span<const Value> values) {
  sqlite3_stmt* statement = TRY(prepare(sql));
  const int wanted = sqlite3_bind_parameter_count(statement);
  if (std::cmp_not_equal(values.size(), wanted)) {
    return internal_error("{} values for {} parameters (in: {})", values.size(), wanted, sql);
  }
  for (int i = 0; i < wanted; ++i) bind(statement, i + 1, values[static_cast<std::size_t>(i)]);
  return Cursor(statement);
}

Result<void> Connection::script(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return std::unexpected(sqlite_error(handle_.get(), sql));
  }
  return {};
}

std::int64_t Connection::rows_changed() const { return sqlite3_changes64(handle_.get()); }
std::int64_t Connection::last_insert_rowid() const { return sqlite3_last_insert_rowid(handle_.get()); }
bool Connection::in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }

}  // namespace millrace::db
