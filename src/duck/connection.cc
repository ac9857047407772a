#include <fmt/format.h>

#include "duck/connection_state.h"
#include "duck/handles.h"

namespace millrace::duck {
namespace {

struct Binder {
  duckdb_prepared_statement statement;
  idx_t index;

  duckdb_state operator()(std::monostate) const { return duckdb_bind_null(statement, index); }
  duckdb_state operator()(bool value) const { return duckdb_bind_boolean(statement, index, value); }
  duckdb_state operator()(std::int64_t value) const { return duckdb_bind_int64(statement, index, value); }
  duckdb_state operator()(double value) const { return duckdb_bind_double(statement, index, value); }
  duckdb_state operator()(const std::string& value) const {
    return duckdb_bind_varchar_length(statement, index, value.data(), value.size());
  }
  duckdb_state operator()(Timestamp value) const { return duckdb_bind_timestamp(statement, index, {value.us}); }
};

Result<void> bind(duckdb_prepared_statement statement, const std::vector<Parameter>& parameters) {
  if (duckdb_nparams(statement) != parameters.size()) {
    return invalid_argument("the SQL has {} parameters, {} were given", duckdb_nparams(statement), parameters.size());
  }
  for (idx_t i = 0; i < parameters.size(); ++i) {
    if (std::visit(Binder{statement, i + 1}, parameters[i]) != DuckDBSuccess) {
      return invalid_argument("parameter {} cannot be bound", i + 1);
    }
  }
  return {};
}

// The same query with every column that cannot be read directly cast to text; "" where there is none.
std::string with_text_columns(std::string_view sql, duckdb_prepared_statement statement) {
  std::string names;
  std::string values;
  bool needed = false;
  for (idx_t i = 0; i < duckdb_prepared_statement_column_count(statement); ++i) {
    const duckdb_type type = duckdb_prepared_statement_column_type(statement, i);
    if (type == DUCKDB_TYPE_INVALID) return "";  // it follows from a parameter's, so that nothing is known yet
    const char* name = duckdb_prepared_statement_column_name(statement, i);
    const bool direct = read_as(type).direct;
    needed |= !direct;
    names += fmt::format("{}c{}", i == 0 ? "" : ", ", i);
    values += fmt::format("{}{} as {}", i == 0 ? "" : ", ",
                          direct ? fmt::format("c{}", i) : fmt::format("c{}::varchar", i), quote_identifier(name));
    duckdb_free(const_cast<char*>(name));
  }
  return needed ? fmt::format("select {} from (\n{}\n) as t({})", values, sql, names) : "";
}

Result<PreparedHandle> prepare_readable(duckdb_connection connection, std::string_view sql) {
  PreparedHandle prepared = TRY(prepare_one(connection, sql));
  if (duckdb_prepared_statement_type(prepared.get()) != DUCKDB_STATEMENT_TYPE_SELECT) return prepared;
  while (!sql.empty() && (sql.back() == ';' || std::isspace(static_cast<unsigned char>(sql.back())) != 0)) {
    sql.remove_suffix(1);
  }
  const std::string cast = with_text_columns(sql, prepared.get());
  if (cast.empty()) return prepared;
  return prepare_one(connection, cast);
}

Table table_for(duckdb_result& result) {
  Table table;
  for (idx_t i = 0; i < duckdb_column_count(&result); ++i) {
    table.columns.push_back(
        {.name = duckdb_column_name(&result, i), .type = read_as(duckdb_column_type(&result, i)).type});
  }
  return table;
}

Result<void> read_chunk(duckdb_data_chunk chunk, Table& table) {
  const idx_t rows = duckdb_data_chunk_get_size(chunk);
  for (idx_t i = 0; i < table.columns.size(); ++i) {
    TRY(read_vector(duckdb_data_chunk_get_vector(chunk, i), rows, table.columns[i]));
  }
  table.rows += rows;
  return {};
}

Result<void> run_streaming(duckdb_prepared_statement statement, ResultHandle& result) {
  PendingHandle pending;
  if (duckdb_pending_prepared_streaming(statement, pending.out()) != DuckDBSuccess) {
    return std::unexpected(to_error(duckdb_pending_error(pending.get())));
  }
  if (duckdb_execute_pending(pending.get(), &result.value) != DuckDBSuccess) {
    return std::unexpected(to_error(duckdb_result_error(&result.value)));
  }
  return {};
}

constexpr std::size_t kStreamRows = 8192;

// Calls `full` whenever the table holds kStreamRows rows or more, and at the end for the rest.
Result<void> fetch_all(ResultHandle& result, Table& table, const std::function<Result<void>()>& full) {
  while (true) {
    const ChunkHandle chunk(duckdb_fetch_chunk(result.value));
    if (!chunk) break;
    TRY(read_chunk(chunk.get(), table));
    if (table.rows >= kStreamRows) TRY(full());
  }
  if (const char* error = duckdb_result_error(&result.value); error != nullptr && *error != '\0') {
    return std::unexpected(to_error(error));
  }
  return full();
}

Result<std::int64_t> execute_prepared(duckdb_prepared_statement statement) {
  ResultHandle result;
  if (duckdb_execute_prepared(statement, &result.value) != DuckDBSuccess) {
    return std::unexpected(to_error(duckdb_result_error(&result.value)));
  }
  return static_cast<std::int64_t>(duckdb_rows_changed(&result.value));
}

}  // namespace

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

Result<Table> Connection::query(std::string_view sql, const std::vector<Parameter>& parameters) {
  const PreparedHandle prepared = TRY(prepare_readable(state_->handle.get(), sql));
  TRY(bind(prepared.get(), parameters));
  ResultHandle result;
  TRY(run_streaming(prepared.get(), result));
  Table table = table_for(result.value);
  TRY(fetch_all(result, table, [] { return Result<void>(); }));
  return table;
}

Result<void> Connection::stream(std::string_view sql, const Visitor& visit, const std::vector<Parameter>& parameters) {
  const PreparedHandle prepared = TRY(prepare_readable(state_->handle.get(), sql));
  TRY(bind(prepared.get(), parameters));
  ResultHandle result;
  TRY(run_streaming(prepared.get(), result));
  Table table = table_for(result.value);
  return fetch_all(result, table, [&]() -> Result<void> {
    if (table.rows == 0) return {};
    TRY(visit(table));
    table.clear();
    return {};
  });
}

Result<std::int64_t> Connection::execute(std::string_view sql, const std::vector<Parameter>& parameters) {
  if (!parameters.empty()) {
    const PreparedHandle prepared = TRY(prepare_one(state_->handle.get(), sql));
    TRY(bind(prepared.get(), parameters));
    return execute_prepared(prepared.get());
  }
  ResultHandle result;
  if (duckdb_query(state_->handle.get(), std::string(sql).c_str(), &result.value) != DuckDBSuccess) {
    return std::unexpected(to_error(duckdb_result_error(&result.value)));
  }
  return static_cast<std::int64_t>(duckdb_rows_changed(&result.value));
}

Result<std::vector<ColumnType>> Connection::describe(std::string_view select) {
  const PreparedHandle prepared = TRY(prepare_one(state_->handle.get(), select));
  return prepared_columns(prepared.get());
}

void Connection::interrupt() { duckdb_interrupt(state_->handle.get()); }

}  // namespace millrace::duck
