#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "db/value.h"

namespace millrace::db {

// Millrace writes its SQL once. Statements keep to what SQLite and PostgreSQL both read; what they do not agree about
// is rewritten here for PostgreSQL:
//   ? and ?2 become $1 and $2;
//   in `create table` and `alter table ... add column`, the types integer, real, text and blob become bigint, double
//   precision, text collate "C" (SQLite's order, by bytes) and bytea; `integer primary key [autoincrement]` becomes an
//   identity column; `strict` and `without rowid` go;
//   `x in (select value from json_each(?))` becomes `x = any(array(select ...))`, for which an index is used at once.
struct PostgresSql {
  std::string text;
  int parameters = 0;
};
PostgresSql to_postgres(std::string_view sql);

// An insert of one row for an insert of many: `values (?, ?)`, which holds all of its parameters, becomes
// `select * from unnest($1::bigint[], $2::text[])`. `types` are the columns'. kInternal for any other statement.
Result<PostgresSql> to_postgres_rows(std::string_view sql, std::span<const Type> types);

// PostgreSQL's text holds neither NUL nor bytes that are not UTF-8, and SQLite's holds any bytes. So NUL is stored as
// the bytes 1 1, 1 as 1 2, and a byte X that is no UTF-8 as 1 3 and two hexadecimal digits. Text without these, which
// is nearly all, is stored as it is, and the order of valid text is kept.
bool fits_postgres(std::string_view text);
std::string encode_text(std::string_view text);
bool is_encoded(std::string_view stored);
std::string decode_text(std::string_view stored);

}  // namespace millrace::db
