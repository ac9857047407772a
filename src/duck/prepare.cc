#include "duck/connection_state.h"
#include "duck/handles.h"

namespace millrace::duck {
namespace {

std::unexpected<Error> report(const char* text, std::string* raw) {
  if (raw != nullptr) *raw = text == nullptr ? "" : text;
  return std::unexpected(to_error(text));
}

}  // namespace

duckdb_connection ConnectionAccess::handle(Connection& connection) { return connection.state_->handle.get(); }

Result<PreparedHandle> prepare_one(duckdb_connection connection, std::string_view sql, std::string* raw) {
  StatementsHandle statements;
  const std::string text(sql);
  const idx_t count = duckdb_extract_statements(connection, text.c_str(), statements.out());
  if (count == 0) {
    const char* error = duckdb_extract_statements_error(statements.get());
    if (error == nullptr || *error == '\0') return invalid_argument("the SQL is empty");
    return report(error, raw);
  }
  if (count > 1) return invalid_argument("one SQL statement is expected, not {}", count);
  PreparedHandle prepared;
  if (duckdb_prepare_extracted_statement(connection, statements.get(), 0, prepared.out()) != DuckDBSuccess) {
    return report(duckdb_prepare_error(prepared.get()), raw);
  }
  return prepared;
}

std::vector<ColumnType> prepared_columns(duckdb_prepared_statement statement) {
  std::vector<ColumnType> columns;
  for (idx_t i = 0; i < duckdb_prepared_statement_column_count(statement); ++i) {
    const duckdb_type type = duckdb_prepared_statement_column_type(statement, i);
    if (type == DUCKDB_TYPE_INVALID) return {};  // known only once the parameters are bound
    const char* name = duckdb_prepared_statement_column_name(statement, i);
    columns.push_back({name, read_as(type).type});
    duckdb_free(const_cast<char*>(name));
  }
  return columns;
}

}  // namespace millrace::duck
