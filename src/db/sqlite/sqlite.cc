#include "db/sqlite/sqlite.h"

#include <sqlite3.h>

#include <cerrno>
#include <string>
#include <unordered_map>
#include <utility>

#include "db/sqlite/catalog.h"

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

void bind_value(sqlite3_stmt* statement, int index, const Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) sqlite3_bind_int64(statement, index, *integer);
  if (const auto* real = std::get_if<double>(&value)) sqlite3_bind_double(statement, index, *real);
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    // A null pointer would bind null, and an empty view may have one.
    const char* bytes = text->data() == nullptr ? "" : text->data();
    sqlite3_bind_text64(statement, index, bytes, text->size(), SQLITE_STATIC, SQLITE_UTF8);
  }
}

constexpr const char* kWriterSettings = R"sql(
pragma journal_mode = wal;
pragma synchronous = full;
pragma foreign_keys = on;
pragma temp_store = memory;
pragma trusted_schema = off;
)sql";

constexpr const char* kReaderSettings = R"sql(
pragma query_only = on;
pragma temp_store = memory;
pragma trusted_schema = off;
)sql";

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

struct CloseConnection {
  void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
};
using Handle = std::unique_ptr<sqlite3, CloseConnection>;

class SqliteStatement final : public Statement {
 public:
  // `failed` is set when a run fails.
  SqliteStatement(sqlite3_stmt* statement, bool& failed) : statement_(statement), failed_(failed) {}

  Result<void> bind(std::span<const Value> values) {
    const int wanted = sqlite3_bind_parameter_count(statement_.get());
    if (std::cmp_not_equal(values.size(), wanted)) {
      return internal_error("{} values for {} parameters (in: {})", values.size(), wanted, sql());
    }
    for (int i = 0; i < wanted; ++i) {
      bind_value(statement_.get(), i + 1, values[static_cast<std::size_t>(i)]);
    }
    return {};
  }

  Result<bool> next() override {
    const int status = sqlite3_step(statement_.get());
    if (status == SQLITE_ROW) return true;
    if (status == SQLITE_DONE) return false;
    failed_ = true;
    return std::unexpected(sqlite_error(sqlite3_db_handle(statement_.get()), sql()));
  }

  int columns() const override { return sqlite3_column_count(statement_.get()); }
  bool is_null(int column) const override { return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL; }
  std::int64_t integer(int column) const override { return sqlite3_column_int64(statement_.get(), column); }
  double real(int column) const override { return sqlite3_column_double(statement_.get(), column); }
  std::string_view sql() const override { return sqlite3_sql(statement_.get()); }

  std::string_view text(int column) const override {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
    if (bytes == nullptr) return {};
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
  }

  void end() override {
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
  }

 private:
  std::unique_ptr<sqlite3_stmt, FinalizeStatement> statement_;
  bool& failed_;
};

class SqliteConnection final : public Connection {
 public:
  explicit SqliteConnection(Handle handle) : handle_(std::move(handle)) {}

  Result<Cursor> run(std::string_view sql, std::span<const Value> values) override {
    SqliteStatement* statement = TRY(prepare(sql));
    Cursor cursor(*statement);
    TRY(statement->bind(values));
    return cursor;
  }

  Result<void> run_rows(std::string_view sql, std::span<const Value> values, std::size_t width) override {
    SqliteStatement* statement = TRY(prepare(sql));
    for (; !values.empty(); values = values.subspan(width)) {
      const Cursor row(*statement);
      TRY(statement->bind(values.first(width)));
      TRY(statement->next());
    }
    return {};
  }

  Result<void> script(const std::string& sql) override {
    if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
      failed_ = true;
      return std::unexpected(sqlite_error(handle_.get(), sql));
    }
    return {};
  }

  std::int64_t rows_changed() const override { return sqlite3_changes64(handle_.get()); }

  Result<void> begin(Durability durability) override {
    if (durability != durability_) {
      TRY(script(durability == Durability::kFull ? "pragma synchronous = full" : "pragma synchronous = normal"));
      durability_ = durability;
    }
    TRY(script("begin immediate"));
    failed_ = false;
    return {};
  }

  Result<void> commit() override { return script("commit"); }

  // SQLite draws a number after the highest that there is or, with `autoincrement`, ever was.
  Result<void> settle_numbers() override { return {}; }

  Result<void> begin_part() override { return execute("savepoint part"); }
  Result<void> end_part() override { return execute("release savepoint part"); }
  Result<void> undo_part() override {
    TRY(execute("rollback to savepoint part"));
    failed_ = false;
    return end_part();
  }

  TransactionState state() const override {
    if (sqlite3_get_autocommit(handle_.get()) != 0) return TransactionState::kNone;
    return failed_ ? TransactionState::kFailed : TransactionState::kOpen;
  }

 private:
  struct TextHash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  Result<void> execute(std::string_view sql) {
    TRY(TRY(run(sql, {})).next());
    return {};
  }

  Result<SqliteStatement*> prepare(std::string_view sql) {
    if (auto known = statements_.find(sql); known != statements_.end()) return known->second.get();
    sqlite3_stmt* raw = nullptr;
    const int status = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                          SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
    if (status != SQLITE_OK) {
      failed_ = true;
      return std::unexpected(sqlite_error(handle_.get(), sql));
    }
    if (raw == nullptr) return internal_error("not a statement: \"{}\"", sql);
    if (statements_.size() >= kMaxStatements) statements_.clear();
    auto statement = std::make_unique<SqliteStatement>(raw, failed_);
    return statements_.emplace(sql, std::move(statement)).first->second.get();
  }

  Handle handle_;
  bool failed_ = false;
  Durability durability_ = Durability::kFull;
  std::unordered_map<std::string, std::unique_ptr<SqliteStatement>, TextHash, std::equal_to<>> statements_;
};

class SqliteBackend final : public Backend {
 public:
  explicit SqliteBackend(const std::filesystem::path& file) : file_(file.string()) {}

  const std::string& place() const override { return file_; }
  const Catalog& catalog() const override { return catalog_; }

  Result<std::unique_ptr<Connection>> open_writer() override { return open(kWriterSettings); }
  Result<std::unique_ptr<Connection>> open_reader() override { return open(kReaderSettings); }

 private:
  Result<std::unique_ptr<Connection>> open(const char* settings) const {
    sqlite3* raw = nullptr;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    const int status = sqlite3_open_v2(file_.c_str(), &raw, flags, nullptr);
    Handle handle(raw);
    if (raw == nullptr) return fail(Code::kResourceExhausted, "no memory to open {}", file_);
    if (status != SQLITE_OK) return unavailable("cannot open {}: {}", file_, sqlite3_errmsg(raw));
    sqlite3_busy_timeout(raw, 10'000);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    auto connection = std::make_unique<SqliteConnection>(std::move(handle));
    TRY(connection->script(settings));
    return connection;
  }

  const std::string file_;
  const SqliteCatalog catalog_;
};

}  // namespace

std::unique_ptr<Backend> sqlite_backend(const std::filesystem::path& file) {
  return std::make_unique<SqliteBackend>(file);
}

}  // namespace millrace::db
