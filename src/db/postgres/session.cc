#include "db/postgres/session.h"

#include <postgresql/libpq-fe.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "db/postgres/dialect.h"

namespace millrace::db {

namespace {

constexpr int kOldestServer = 130000;

// Of the server's pg_type.
constexpr Oid kBool = 16;
constexpr Oid kInt8 = 20;
constexpr Oid kInt4 = 23;
constexpr Oid kText = 25;
constexpr Oid kFloat8 = 701;

// https://www.postgresql.org/docs/current/errcodes-appendix.html
Code code_of(std::string_view state) {
  if (state == "23505") return Code::kAlreadyExists;
  if (state.starts_with("23")) return Code::kFailedPrecondition;
  if (state == "53100") return Code::kResourceExhausted;
  if (state.starts_with("08") || state.starts_with("53") || state.starts_with("57P")) return Code::kUnavailable;
  if (state.starts_with("40") || state == "25P02") return Code::kAborted;
  if (state == "42501" || state == "25006") return Code::kPermissionDenied;
  if (state == "54000") return Code::kInvalidArgument;
  if (state == "XX001" || state == "XX002") return Code::kDataLoss;
  return Code::kInternal;
}

std::string_view first_line(std::string_view text) { return text.substr(0, text.find('\n')); }

std::string reason_of(const PGconn* handle) {
  const std::string_view reason = first_line(PQerrorMessage(handle));
  return std::string(reason.empty() ? "the connection is closed" : reason);
}

std::string_view field(const PGresult* answer, int code) {
  const char* text = PQresultErrorField(answer, code);
  return text == nullptr ? "" : text;
}

Oid type_of(const Value& value) {
  if (std::holds_alternative<std::int64_t>(value)) return kInt8;
  if (std::holds_alternative<double>(value)) return kFloat8;
  if (std::holds_alternative<std::string_view>(value)) return kText;
  switch (std::get<Null>(value).type) {
    case Type::kInteger:
      return kInt8;
    case Type::kReal:
      return kFloat8;
    case Type::kText:
      return kText;
    case Type::kUnknown:
      break;
  }
  return 0;  // as the server sees fit
}

// Values in the server's binary format.
class Parameters {
 public:
  explicit Parameters(std::span<const Value> values)
      : numbers_(values.size()), pointers_(values.size()), lengths_(values.size()), formats_(values.size(), 1) {
    encoded_.reserve(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) add(i, values[i]);
  }

  const char* const* pointers() const { return pointers_.data(); }
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }

 private:
  void add(std::size_t i, const Value& value) {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) add_bits(i, std::bit_cast<std::uint64_t>(*integer));
    if (const auto* real = std::get_if<double>(&value)) add_bits(i, std::bit_cast<std::uint64_t>(*real));
    if (const auto* text = std::get_if<std::string_view>(&value)) add_text(i, *text);
  }
  void add_bits(std::size_t i, std::uint64_t bits) {
    bits = __builtin_bswap64(bits);
    std::memcpy(numbers_[i].data(), &bits, sizeof bits);
    pointers_[i] = numbers_[i].data();
    lengths_[i] = sizeof bits;
  }
  void add_text(std::size_t i, std::string_view text) {
    if (!fits_postgres(text)) text = encoded_.emplace_back(encode_text(text));
    pointers_[i] = text.empty() ? "" : text.data();
    lengths_[i] = static_cast<int>(text.size());
  }

  std::vector<std::array<char, 8>> numbers_;
  std::vector<std::string> encoded_;
  std::vector<const char*> pointers_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
};

// A column of rows as an array in the server's binary format (src/backend/utils/adt/arrayfuncs.c, array_recv): the
// number of dimensions, whether there are nulls, the elements' type, then of each dimension its size and first index;
// then the elements, each after its length. A null has the length -1.
class ArrayParameter {
 public:
  // The `column`-th of each `width` values.
  ArrayParameter(std::span<const Value> values, std::size_t width, std::size_t column, Type type) {
    const std::size_t rows = values.size() / width;
    bytes_.reserve(20 + rows * 12);
    add_header(rows, type);
    for (std::size_t row = 0; row < rows; ++row) add(values[row * width + column]);
  }
  const char* data() const { return bytes_.data(); }
  int size() const { return static_cast<int>(bytes_.size()); }

 private:
  void add_header(std::size_t rows, Type type) {
    const Oid element = type == Type::kInteger ? kInt8 : type == Type::kReal ? kFloat8 : kText;
    for (const std::size_t number : {std::size_t{1}, std::size_t{1}, std::size_t{element}, rows, std::size_t{1}}) {
      add_int32(static_cast<std::uint32_t>(number));
    }
  }
  void add(const Value& value) {
    if (const auto* integer = std::get_if<std::int64_t>(&value))
      return add_bits(std::bit_cast<std::uint64_t>(*integer));
    if (const auto* real = std::get_if<double>(&value)) return add_bits(std::bit_cast<std::uint64_t>(*real));
    if (const auto* text = std::get_if<std::string_view>(&value)) return add_text(*text);
    add_int32(0xffffffff);
  }
  void add_text(std::string_view text) {
    const std::string encoded = fits_postgres(text) ? std::string() : encode_text(text);
    if (!encoded.empty()) text = encoded;
    add_int32(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
  }
  void add_int32(std::uint32_t number) {
    number = __builtin_bswap32(number);
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  void add_bits(std::uint64_t bits) {
    add_int32(sizeof bits);
    bits = __builtin_bswap64(bits);
    bytes_.append(reinterpret_cast<const char*>(&bits), sizeof bits);
  }

  std::string bytes_;
};

// Whether a column of the type is read by binary_integer() or binary_real(), or is the same bytes in both formats.
bool has_binary_form(Oid type) {
  return type == kInt8 || type == kInt4 || type == kBool || type == kFloat8 || type == kText;
}

// What the URI may overrule, and after it what it may not. The name tells another server who holds the database.
PGconn* connect(const std::string& uri) {
  char host[64] = "";
  gethostname(host, sizeof host - 1);
  const std::string name = fmt::format("millrace (pid {} on {})", getpid(), host);
  const char* keywords[] = {"application_name",
                            "connect_timeout",
                            "keepalives_idle",
                            "tcp_user_timeout",
                            "dbname",
                            "client_encoding",
                            nullptr};
  const char* values[] = {name.c_str(), "10", "30", "30000", uri.c_str(), "UTF8", nullptr};
  return PQconnectdbParams(keywords, values, 1);
}

Error error_of(const PGresult* answer, std::string_view sql, const std::string& place) {
  const std::string_view state = field(answer, PG_DIAG_SQLSTATE);
  const std::string_view reason = field(answer, PG_DIAG_MESSAGE_PRIMARY);
  const Code code = code_of(state);
  switch (code) {
    case Code::kResourceExhausted:
      return {code, fmt::format("no space left on device while writing {}; make room and try again", place)};
    case Code::kDataLoss:
      return {code, fmt::format("{} is damaged ({}); restore it from a backup", place, reason)};
    case Code::kUnavailable:
      return {code, fmt::format("cannot use {}: {}", place, reason)};
    case Code::kPermissionDenied:
      return {code, fmt::format("cannot write {}: {}", place, reason)};
    case Code::kInternal:
      return {code, fmt::format("{} (in: {})", reason, sql)};
    default:
      return {code, std::string(reason)};
  }
}

}  // namespace

void FinishSession::operator()(pg_conn* handle) const { PQfinish(handle); }
void ClearAnswer::operator()(pg_result* answer) const { PQclear(answer); }

Result<Session> Session::open(const std::string& uri, std::string place) {
  Session session(connect(uri), std::move(place));
  PGconn* handle = session.handle_.get();
  if (PQstatus(handle) != CONNECTION_OK) {
    return unavailable("cannot open {}: {}", session.place_, reason_of(handle));
  }
  PQsetNoticeProcessor(handle, [](void*, const char*) {}, nullptr);
  TRY(session.check());
  return session;
}

Result<void> Session::check() const {
  const std::string_view encoding = PQparameterStatus(handle_.get(), "server_encoding");
  if (encoding != "UTF8") {
    return failed_precondition("{} has the encoding {}; create a database with encoding 'UTF8' for millrace", place_,
                               encoding);
  }
  const int version = PQserverVersion(handle_.get());
  if (version < kOldestServer) {
    return failed_precondition("{} is of PostgreSQL {}; millrace needs 13 or newer", place_, version / 10000);
  }
  return {};
}

bool Session::lost() const { return broken_ || PQstatus(handle_.get()) != CONNECTION_OK; }

bool Session::in_transaction() const {
  const PGTransactionStatusType status = PQtransactionStatus(handle_.get());
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

bool Session::failed() const { return PQtransactionStatus(handle_.get()) == PQTRANS_INERROR; }

Result<Answer> Session::checked(pg_result* raw, std::string_view sql) {
  Answer answer(raw);
  switch (PQresultStatus(raw)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
      return answer;
    case PGRES_EMPTY_QUERY:
      return internal_error("not a statement: \"{}\"", sql);
    default:
      break;
  }
  // What libpq itself reports has no state: nothing was heard of the server.
  if (field(raw, PG_DIAG_SQLSTATE).empty()) broken_ = true;
  if (lost()) return unavailable("the connection to {} was lost: {}", place_, reason_of(handle_.get()));
  return std::unexpected(error_of(raw, sql, place_));
}

Result<Answer> Session::script(const std::string& sql) {
  std::string all;
  for (const char* before : std::exchange(before_next_, {})) all += fmt::format("{}; ", before);
  return checked(PQexec(handle_.get(), (all + sql).c_str()), sql);
}

bool Session::take_back(std::string_view sql) {
  if (before_next_.empty() || before_next_.back() != sql) return false;
  before_next_.pop_back();
  return true;
}

// A prepared statement and what is bound to it, all in the binary format.
struct Session::Execution {
  const char* name;
  std::span<const char* const> values;
  const int* lengths;
  const int* formats;
  Format result;
};

pg_result* Session::execute(const Execution& execution) {
  if (!before_next_.empty()) return execute_after(execution);
  return PQexecPrepared(handle_.get(), execution.name, static_cast<int>(execution.values.size()),
                        execution.values.data(), execution.lengths, execution.formats,
                        static_cast<int>(execution.result));
}

// The answer of the first statement that failed, or of the last. Null where the connection is lost.
pg_result* Session::execute_after(const Execution& execution) {
  const std::vector<const char*> before = std::exchange(before_next_, {});
  PGconn* handle = handle_.get();
  bool sent = PQenterPipelineMode(handle) != 0;
  for (const char* sql : before) {
    sent = sent && PQsendQueryParams(handle, sql, 0, nullptr, nullptr, nullptr, nullptr, 0) != 0;
  }
  sent = sent &&
         PQsendQueryPrepared(handle, execution.name, static_cast<int>(execution.values.size()), execution.values.data(),
                             execution.lengths, execution.formats, static_cast<int>(execution.result)) != 0 &&
         PQpipelineSync(handle) != 0;
  Answer answer;
  for (std::size_t i = 0; sent && i <= before.size(); ++i) {
    Answer next(next_answer());
    if (answer == nullptr || PQresultStatus(answer.get()) == PGRES_COMMAND_OK) answer = std::move(next);
  }
  if (sent) ClearAnswer()(PQgetResult(handle));  // that all has been answered
  PQexitPipelineMode(handle);
  return answer.release();
}

// The answer of the next statement under way, and past the end of it.
pg_result* Session::next_answer() {
  pg_result* answer = PQgetResult(handle_.get());
  while (pg_result* more = PQgetResult(handle_.get())) PQclear(more);
  return answer;
}

Result<std::string> Session::value(const std::string& sql) {
  const Answer answer = TRY(script(sql));
  if (PQntuples(answer.get()) == 0 || PQgetisnull(answer.get(), 0, 0) != 0) {
    return internal_error("no value (in: {})", sql);
  }
  return std::string(PQgetvalue(answer.get(), 0, 0));
}

Result<Format> Session::prepare(const std::string& name, const std::string& text, std::span<const Value> types,
                                std::string_view sql) {
  std::vector<Oid> oids;
  for (const Value& value : types) oids.push_back(type_of(value));
  TRY(checked(PQprepare(handle_.get(), name.c_str(), text.c_str(), static_cast<int>(oids.size()), oids.data()), sql));
  const Answer description = TRY(checked(PQdescribePrepared(handle_.get(), name.c_str()), sql));
  for (int column = 0; column < PQnfields(description.get()); ++column) {
    if (!has_binary_form(PQftype(description.get(), column))) return Format::kText;
  }
  return Format::kBinary;
}

Result<Answer> Session::run(const std::string& name, std::span<const Value> values, Format format,
                            std::string_view sql) {
  const Parameters parameters(values);
  return checked(execute({.name = name.c_str(),
                          .values = {parameters.pointers(), values.size()},
                          .lengths = parameters.lengths(),
                          .formats = parameters.formats(),
                          .result = format}),
                 sql);
}

Result<Answer> Session::run_rows(const std::string& name, std::span<const Value> values, std::span<const Type> types,
                                 std::string_view sql) {
  std::vector<ArrayParameter> columns;
  std::vector<const char*> pointers;
  std::vector<int> lengths;
  columns.reserve(types.size());
  for (std::size_t i = 0; i < types.size(); ++i) {
    const ArrayParameter& column = columns.emplace_back(values, types.size(), i, types[i]);
    pointers.push_back(column.data());
    lengths.push_back(column.size());
  }
  const std::vector<int> formats(types.size(), 1);
  return checked(execute({.name = name.c_str(),
                          .values = pointers,
                          .lengths = lengths.data(),
                          .formats = formats.data(),
                          .result = Format::kText}),
                 sql);
}

}  // namespace millrace::db
