#include <algorithm>

#include "duck/connection_state.h"
#include "duck/handles.h"

namespace millrace::duck {
namespace {

Error appender_error(duckdb_appender appender) {
  const ErrorHandle data(duckdb_appender_error_data(appender));
  return to_error(duckdb_error_data_message(data.get()));
}

ChunkHandle make_chunk(const Table& rows) {
  std::vector<TypeHandle> owners;
  std::vector<duckdb_logical_type> types;
  for (const Column& column : rows.columns) types.push_back(owners.emplace_back(logical_type(column.type)).get());
  return ChunkHandle(duckdb_create_data_chunk(types.data(), types.size()));
}

void fill_chunk(const Table& rows, std::size_t from, std::size_t count, duckdb_data_chunk chunk) {
  duckdb_data_chunk_reset(chunk);
  for (idx_t i = 0; i < rows.columns.size(); ++i) {
    write_vector(rows.columns[i], from, count, duckdb_data_chunk_get_vector(chunk, i));
  }
  duckdb_data_chunk_set_size(chunk, count);
}

}  // namespace

Result<void> Connection::append(std::string_view table, const Table& rows) {
  AppenderHandle appender;
  const std::string name(table);
  if (duckdb_appender_create(state_->handle.get(), nullptr, name.c_str(), appender.out()) != DuckDBSuccess) {
    return std::unexpected(appender_error(appender.get()));
  }
  const ChunkHandle chunk = make_chunk(rows);
  const std::size_t step = duckdb_vector_size();
  for (std::size_t from = 0; from < rows.rows; from += step) {
    fill_chunk(rows, from, std::min(step, rows.rows - from), chunk.get());
    if (duckdb_append_data_chunk(appender.get(), chunk.get()) != DuckDBSuccess) {
      return std::unexpected(appender_error(appender.get()));
    }
  }
  if (duckdb_appender_flush(appender.get()) != DuckDBSuccess) return std::unexpected(appender_error(appender.get()));
  return {};
}

Result<void> Connection::create_temp_table(std::string_view name, const Table& rows) {
  std::string columns;
  for (const Column& column : rows.columns) {
    if (!columns.empty()) columns += ", ";
    columns += quote_identifier(column.name) + " " + std::string(type_name(column.type));
  }
  TRY(execute("create or replace temp table " + quote_identifier(name) + " (" + columns + ")"));
  return append(name, rows);
}

}  // namespace millrace::duck
