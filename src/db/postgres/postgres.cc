#include "db/postgres/postgres.h"

#include <postgresql/libpq-fe.h>

#include <bit>
#include <charconv>
#include <chrono>
#include <deque>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

#include "db/postgres/catalog.h"
#include "db/postgres/dialect.h"
#include "db/postgres/session.h"
#include "db/postgres/statistics.h"

namespace millrace::late {
Result<void> load_libpq();  // made by cmake/MillraceLateLibrary.cmake
}

namespace millrace::db {

namespace {

using std::chrono::steady_clock;

// More than the program has; only a caller that builds SQL out of values would reach it.
constexpr std::size_t kMaxStatements = 1000;

// A process that has just died is remembered by the server until it notices.
constexpr auto kLockPatience = std::chrono::seconds(3);
// How long a commit whose connection was lost asks what became of it.
constexpr auto kCommitPatience = std::chrono::seconds(10);
constexpr auto kRetryEvery = std::chrono::milliseconds(50);

// Of the server's pg_type.
constexpr Oid kBool = 16;
constexpr Oid kText = 25;
constexpr Oid kFloat4 = 700;
constexpr Oid kFloat8 = 701;

constexpr char kReaderSettings[] = "set default_transaction_read_only = on; set jit = off";
constexpr char kWriterSettings[] = "set jit = off; set lock_timeout = '60s'";

// The lock is of the schema that holds the tables: a number of ours, and its name's hash.
constexpr char kTryLock[] =
    "select pg_try_advisory_lock(1298754668, hashtext(coalesce(current_schema(), 'public')))::int";
constexpr char kHolder[] = R"sql(
select coalesce(min(holder.application_name), 'another millrace server')
from pg_locks as held
join pg_stat_activity as holder on holder.pid = held.pid
where held.locktype = 'advisory' and held.classid = 1298754668
  and held.objid = hashtext(coalesce(current_schema(), 'public'))::oid and held.objsubid = 2)sql";

// SQLite has this table function, for lists in one parameter.
constexpr char kFunctions[] = R"sql(
do $$ begin
  if to_regprocedure('json_each(text)') is null then
    create function json_each(document text) returns table (value text) language sql immutable strict
      as 'select json_array_elements_text(document::json)';
  end if;
end $$)sql";

constexpr char kBeginPart[] = "savepoint part";
constexpr char kEndPart[] = "release savepoint part";

constexpr char kSettleNumbers[] = R"sql(
do $$ declare numbered record; begin
  for numbered in
    select table_name, column_name,
           pg_get_serial_sequence(format('%I.%I', table_schema, table_name), column_name) as sequence
    from information_schema.columns
    where table_schema = current_schema() and is_identity = 'YES'
  loop
    execute format('select setval(%L, present.top) from (select max(%I) as top from %I) as present, %s as drawn '
                   'where present.top >= drawn.last_value',
                   numbered.sequence, numbered.column_name, numbered.table_name, numbered.sequence);
  end loop;
end $$)sql";

template <typename T>
T number(std::string_view text) {
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// A value in the server's binary format: its bytes in network order. A null is 0.
std::uint64_t bits_of(std::string_view bytes) {
  std::uint64_t bits = 0;
  for (const char byte : bytes) bits = bits << 8 | static_cast<unsigned char>(byte);
  return bits;
}

std::int64_t binary_integer(Oid type, std::string_view bytes) {
  if (type == kText) return number<std::int64_t>(bytes);
  if (type == kFloat8) return static_cast<std::int64_t>(std::bit_cast<double>(bits_of(bytes)));
  const auto bits = static_cast<std::int64_t>(bits_of(bytes));
  return bytes.size() == sizeof(std::int32_t) ? static_cast<std::int32_t>(bits) : bits;
}

double binary_real(Oid type, std::string_view bytes) {
  if (type == kText) return number<double>(bytes);
  if (type == kFloat8) return std::bit_cast<double>(bits_of(bytes));
  return static_cast<double>(binary_integer(type, bytes));
}

class PostgresStatement final : public Statement {
 public:
  PostgresStatement(std::string name, Format format, std::string_view sql)
      : name_(std::move(name)), format_(format), sql_(sql) {}

  const std::string& name() const { return name_; }
  Format format() const { return format_; }
  void begin(Answer answer) {
    answer_ = std::move(answer);
    row_ = -1;
  }

  Result<bool> next() override {
    decoded_.clear();
    return ++row_ < PQntuples(answer_.get());
  }

  int columns() const override { return PQnfields(answer_.get()); }
  bool is_null(int column) const override { return PQgetisnull(answer_.get(), row_, column) != 0; }

  std::int64_t integer(int column) const override {
    if (format_ == Format::kBinary) return binary_integer(PQftype(answer_.get(), column), stored(column));
    switch (PQftype(answer_.get(), column)) {
      case kBool:
        return stored(column) == "t" ? 1 : 0;
      case kFloat4:
      case kFloat8:
        return static_cast<std::int64_t>(real(column));
      default:
        return number<std::int64_t>(stored(column));
    }
  }

  double real(int column) const override {
    if (format_ == Format::kBinary) return binary_real(PQftype(answer_.get(), column), stored(column));
    return number<double>(stored(column));
  }

  std::string_view text(int column) const override {
    const std::string_view text = stored(column);
    if (format_ == Format::kBinary) {
      const Oid type = PQftype(answer_.get(), column);
      if (type == kFloat8) return decoded_.emplace_back(fmt::format("{}", real(column)));
      if (type != kText) return decoded_.emplace_back(fmt::format("{}", integer(column)));
    }
    return is_encoded(text) ? decoded_.emplace_back(decode_text(text)) : text;
  }

  std::string_view sql() const override { return sql_; }
  void end() override { answer_.reset(); }

 private:
  std::string_view stored(int column) const {
    const int size = PQgetlength(answer_.get(), row_, column);
    return {PQgetvalue(answer_.get(), row_, column), static_cast<std::size_t>(size)};
  }

  const std::string name_;
  const Format format_;
  const std::string sql_;
  Answer answer_;
  int row_ = -1;
  mutable std::deque<std::string> decoded_;
};

Type type_of(const Value& value) {
  if (std::holds_alternative<std::int64_t>(value)) return Type::kInteger;
  if (std::holds_alternative<double>(value)) return Type::kReal;
  if (std::holds_alternative<std::string_view>(value)) return Type::kText;
  return std::get<Null>(value).type;
}

// Of rows of `width` values each.
Result<std::vector<Type>> column_types(std::span<const Value> values, std::size_t width) {
  std::vector<Type> types(width, Type::kUnknown);
  std::vector<Type> of_nulls(width, Type::kUnknown);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t column = i % width;
    const bool is_null = std::holds_alternative<Null>(values[i]);
    Type& known = is_null ? of_nulls[column] : types[column];
    if (known == Type::kUnknown) known = type_of(values[i]);
    if (!is_null && known != type_of(values[i])) {
      return internal_error("column {} of rows to insert is of more than one type", column + 1);
    }
  }
  for (std::size_t column = 0; column < width; ++column) {
    if (types[column] == Type::kUnknown) types[column] = of_nulls[column];
  }
  return types;
}

enum class Role { kWriter, kReader };

Result<void> take_lock(Session& session) {
  const auto until = steady_clock::now() + kLockPatience;
  while (TRY(session.value(kTryLock)) != "1") {
    if (steady_clock::now() >= until) {
      return failed_precondition("{} uses {}; stop it or choose another database with --db",
                                 TRY(session.value(kHolder)), session.place());
    }
    std::this_thread::sleep_for(kRetryEvery);
  }
  return {};
}

Result<void> prepare_writer(Session& session) {
  TRY(session.script(kWriterSettings));
  if (TRY(session.value("select coalesce(current_schema(), '')")).empty()) {
    return failed_precondition("{} has no schema to keep tables in: its search_path names none that exists",
                               session.place());
  }
  TRY(take_lock(session));
  TRY(session.script(kFunctions));
  return {};
}

class PostgresConnection final : public Connection {
 public:
  PostgresConnection(std::string uri, std::string place, Role role)
      : uri_(std::move(uri)), place_(std::move(place)), role_(role) {}

  Result<void> open() {
    statements_.clear();
    session_.reset();
    Session session = TRY(Session::open(uri_, place_));
    if (role_ == Role::kWriter) {
      TRY(prepare_writer(session));
    } else {
      TRY(session.script(kReaderSettings));
    }
    session_.emplace(std::move(session));
    return {};
  }

  Result<Cursor> run(std::string_view sql, std::span<const Value> values) override {
    return on_session([&] { return run_once(sql, values); });
  }

  Result<void> run_rows(std::string_view sql, std::span<const Value> values, std::size_t width) override {
    const std::vector<Type> types = TRY(column_types(values, width));
    return on_session([&] { return run_rows_once(sql, values, types); });
  }

  Result<void> script(const std::string& sql) override {
    return on_session([&]() -> Result<void> {
      TRY(session_->script(to_postgres(sql).text));
      return {};
    });
  }

  std::int64_t rows_changed() const override { return rows_changed_; }

  // The transaction's number is asked for at once, as a commit that is cut off can be looked up by it alone.
  Result<void> begin(Durability durability) override {
    const std::string sql = fmt::format("begin; {}select pg_current_xact_id()",
                                        durability == Durability::kFull ? "" : "set local synchronous_commit = off; ");
    return on_session([&]() -> Result<void> {
      transaction_ = TRY(session_->value(sql));
      return {};
    });
  }

  Result<void> commit() override {
    while (session_->take_back(kEndPart)) {  // ends with the whole
    }
    auto answer = session_->script("commit");
    if (!answer) return session_->lost() ? settle_commit(answer.error()) : std::unexpected(answer.error());
    if (PQcmdStatus(answer->get()) != std::string_view("COMMIT")) {
      return fail(Code::kAborted, "the transaction has been rolled back");
    }
    return {};
  }

  TransactionState state() const override {
    if (!session_ || session_->lost()) return TransactionState::kLost;
    if (!session_->in_transaction()) return TransactionState::kNone;
    return session_->failed() ? TransactionState::kFailed : TransactionState::kOpen;
  }

  Result<void> settle_numbers() override { return plain(kSettleNumbers); }

  // A part costs no round trip of its own.
  Result<void> begin_part() override {
    session_->run_before_next(kBeginPart);
    return {};
  }
  Result<void> end_part() override {
    if (!session_->take_back(kBeginPart)) session_->run_before_next(kEndPart);
    return {};
  }
  Result<void> undo_part() override {
    if (session_->take_back(kBeginPart)) return {};
    return plain("rollback to savepoint part; release savepoint part");
  }

 private:
  // Calls `work` with a session that, as far as can be known, is there; again with a new one if it was not. What was
  // done before in a transaction would be missing in a new session.
  template <typename Work>
  std::invoke_result_t<Work> on_session(Work work) {
    if (state() == TransactionState::kLost) TRY(open());
    const bool in_transaction = state() != TransactionState::kNone;
    auto result = work();
    if (result || in_transaction || !session_->lost()) return result;
    TRY(open());
    return work();
  }

  Result<Cursor> run_once(std::string_view sql, std::span<const Value> values) {
    PostgresStatement* statement = TRY(prepare(sql, values));
    Answer answer = TRY(session_->run(statement->name(), values, statement->format(), sql));
    rows_changed_ = number<std::int64_t>(PQcmdTuples(answer.get()));
    statement->begin(std::move(answer));
    return Cursor(*statement);
  }

  Result<void> run_rows_once(std::string_view sql, std::span<const Value> values, std::span<const Type> types) {
    PostgresStatement* statement = TRY(prepare_rows(sql, types));
    const Answer answer = TRY(session_->run_rows(statement->name(), values, types, sql));
    rows_changed_ = number<std::int64_t>(PQcmdTuples(answer.get()));
    return {};
  }

  // A statement is prepared for the types of its values, too: a null of a kind is not a number of another.
  Result<PostgresStatement*> prepare(std::string_view sql, std::span<const Value> values) {
    std::string key(sql);
    for (const Value& value : values) {
      const auto* null = std::get_if<Null>(&value);
      key += static_cast<char>('0' + (null == nullptr ? value.index() + 4 : static_cast<std::size_t>(null->type)));
    }
    if (auto known = statements_.find(key); known != statements_.end()) return known->second.get();
    const PostgresSql translated = to_postgres(sql);
    if (std::cmp_not_equal(values.size(), translated.parameters)) {
      return internal_error("{} values for {} parameters (in: {})", values.size(), translated.parameters, sql);
    }
    return prepare_new(std::move(key), translated.text, values, sql);
  }

  Result<PostgresStatement*> prepare_rows(std::string_view sql, std::span<const Type> types) {
    std::string key = fmt::format("{}\nrows ", sql);
    for (const Type type : types) key += static_cast<char>('0' + static_cast<int>(type));
    if (auto known = statements_.find(key); known != statements_.end()) return known->second.get();
    const PostgresSql translated = TRY(to_postgres_rows(sql, types));
    return prepare_new(std::move(key), translated.text, {}, sql);
  }

  Result<PostgresStatement*> prepare_new(std::string key, const std::string& text, std::span<const Value> types,
                                         std::string_view sql) {
    if (statements_.size() >= kMaxStatements) {
      TRY(session_->script("deallocate all"));
      statements_.clear();
    }
    std::string name = fmt::format("s{}", ++prepared_);
    const Format format = TRY(session_->prepare(name, text, types, sql));
    auto statement = std::make_unique<PostgresStatement>(std::move(name), format, sql);
    return statements_.emplace(std::move(key), std::move(statement)).first->second.get();
  }

  Result<void> plain(const char* sql) {
    TRY(session_->script(sql));
    return {};
  }

  Result<void> settle_commit(const Error& lost) {
    const auto until = steady_clock::now() + kCommitPatience;
    while (steady_clock::now() < until) {
      if (open()) {
        const std::string fate =
            TRY(session_->value(fmt::format("select coalesce(pg_xact_status('{}'::xid8), 'forgotten')", transaction_)));
        if (fate == "committed") return {};
        if (fate == "aborted") return unavailable("{}; the transaction is undone", lost.message);
      }
      std::this_thread::sleep_for(kRetryEvery);
    }
    return unavailable("{}; whether the transaction was committed is not known", lost.message);
  }

  const std::string uri_;
  const std::string place_;
  const Role role_;
  std::optional<Session> session_;
  std::string transaction_;
  std::int64_t rows_changed_ = 0;
  std::int64_t prepared_ = 0;
  std::unordered_map<std::string, std::unique_ptr<PostgresStatement>> statements_;
};

class PostgresBackend final : public Backend {
 public:
  PostgresBackend(std::string uri, std::string place) : uri_(std::move(uri)), place_(std::move(place)) {}

  const std::string& place() const override { return place_; }
  const Catalog& catalog() const override { return catalog_; }

  Result<std::unique_ptr<Connection>> open_writer() override {
    auto writer = TRY(open(Role::kWriter));
    if (!statistics_) statistics_.emplace(uri_, place_);
    return writer;
  }
  Result<std::unique_ptr<Connection>> open_reader() override { return open(Role::kReader); }

 private:
  Result<std::unique_ptr<Connection>> open(Role role) const {
    auto connection = std::make_unique<PostgresConnection>(uri_, place_, role);
    TRY(connection->open());
    return connection;
  }

  const std::string uri_;
  const std::string place_;
  const PostgresCatalog catalog_;
  std::optional<StatisticsKeeper> statistics_;  // of a database that we write
};

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

}  // namespace

bool is_postgres_uri(std::string_view uri) {
  return uri.starts_with("postgresql://") || uri.starts_with("postgres://");
}

Result<std::string> printable_uri(const std::string& uri) {
  TRY(late::load_libpq());
  char* reason = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> options(PQconninfoParse(uri.c_str(), &reason));
  if (options == nullptr) {
    const std::string text = reason == nullptr ? "out of memory" : reason;
    PQfreemem(reason);
    return invalid_argument("the database's URI is wrong: {}", text.substr(0, text.find('\n')));
  }
  const auto option = [&](std::string_view keyword) -> std::string {
    for (const PQconninfoOption* at = options.get(); at->keyword != nullptr; ++at) {
      if (at->keyword == keyword && at->val != nullptr) return at->val;
    }
    return {};
  };
  const std::string user = option("user");
  const std::string port = option("port");
  return fmt::format("postgresql://{}{}{}/{}", user.empty() ? "" : user + "@", option("host"),
                     port.empty() ? "" : ":" + port, option("dbname"));
}

Result<std::unique_ptr<Backend>> postgres_backend(const std::string& uri) {
  return std::make_unique<PostgresBackend>(uri, TRY(printable_uri(uri)));
}

}  // namespace millrace::db
