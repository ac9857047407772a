#include "duck/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "duck/handles.h"
#include "duck/scan.h"

namespace millrace::duck {
namespace {

std::unexpected<SqlError> fault(std::string message, std::size_t offset) {
  return std::unexpected(SqlError{std::move(message), offset});
}

// "a, b, c" or "t.a" out of DuckDB's candidates, short enough for one line.
std::string hint(const ErrorText& error) {
  if (error.candidates.empty() || error.candidates.size() > 120 || error.candidates.contains('\n')) return "";
  return fmt::format("; did you mean {}?", error.candidates);
}

// `text` stands at `prefix` bytes into what was prepared.
SqlResult<PreparedHandle> prepare(Connection& connection, const std::string& sql, std::size_t prefix,
                                  std::size_t size) {
  std::string raw;
  Result<PreparedHandle> prepared = prepare_one(ConnectionAccess::handle(connection), sql, &raw);
  if (prepared && duckdb_nparams(prepared->get()) > 0) return fault("a parameter is not allowed here", 0);
  if (prepared) return std::move(*prepared);
  if (raw.empty()) return fault(prepared.error().message, 0);
  const ErrorText error = read_error(raw.c_str());
  const std::size_t position = error.position.value_or(prefix + size);
  return fault(plain_sentence(error.message) + hint(error), std::min(position < prefix ? 0 : position - prefix, size));
}

// An empty table with these columns, to stand in a from clause.
std::string empty_table(std::span<const ColumnType> columns) {
  std::string sql;
  for (const ColumnType& column : columns) {
    if (!sql.empty()) sql += ", ";
    sql += fmt::format("null::{} as {}", type_name(column.type), quote_identifier(column.name));
  }
  return fmt::format("(select {}) as t", sql.empty() ? "null as t" : sql);
}

SqlResult<PreparedHandle> prepare_in(Connection& connection, std::string_view expression, std::string_view before,
                                     std::string_view after) {
  const std::string sql = fmt::format("{}{}\n{}", before, expression, after);
  return prepare(connection, sql, before.size(), expression.size());
}

}  // namespace

SqlResult<std::vector<ColumnType>> check_select(Connection& connection, std::string_view sql) {
  SqlResult<PreparedHandle> prepared = prepare(connection, std::string(sql), 0, sql.size());
  if (!prepared) return std::unexpected(prepared.error());
  const bool selects = duckdb_prepared_statement_type(prepared->get()) == DUCKDB_STATEMENT_TYPE_SELECT;
  if (!selects || !starts_query(sql)) {  // a pragma may call itself a select
    return fault("only a select is allowed here", 0);
  }
  return prepared_columns(prepared->get());
}

SqlResult<Type> check_expression(Connection& connection, std::string_view expression,
                                 std::span<const ColumnType> columns, Aggregates aggregates) {
  if (const std::optional<SqlError> error = check_scalar(expression)) return std::unexpected(*error);
  const std::string from = ") from " + empty_table(columns);
  if (aggregates == Aggregates::kRefused) {
    // A where clause takes neither aggregates nor window functions.
    const auto checked =
        prepare_in(connection, expression, "select 1 from " + empty_table(columns) + " where (", ") is not null");
    if (!checked) return std::unexpected(checked.error());
  }
  const auto prepared = prepare_in(connection, expression, "select (", from);
  if (!prepared) return std::unexpected(prepared.error());
  const std::vector<ColumnType> types = prepared_columns(prepared->get());
  if (types.size() != 1) return fault("one value is expected, not several columns", 0);
  return types[0].type;
}

}  // namespace millrace::duck
