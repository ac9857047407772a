#include "duck/quote.h"

namespace millrace::duck {
namespace {

std::string quote(std::string_view text, char mark) {
  std::string quoted(1, mark);
  for (const char c : text) {
    if (c == mark) quoted += mark;
    quoted += c;
  }
  return quoted += mark;
}

}  // namespace

std::string quote_identifier(std::string_view name) { return quote(name, '"'); }

std::string quote_literal(std::string_view text) { return quote(text, '\''); }

std::string read_parquet_sql(std::span<const std::filesystem::path> files, ColumnMatch match) {
  std::string sql = "read_parquet([";
  for (const auto& file : files) {
    if (sql.back() != '[') sql += ", ";
    sql += quote_literal(file.string());
  }
  return sql += match == ColumnMatch::kByName ? "], union_by_name = true)" : "])";
}

}  // namespace millrace::duck
