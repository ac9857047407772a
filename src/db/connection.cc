#include "db/connection.h"

#include "db/postgres/postgres.h"
#include "db/sqlite/sqlite.h"

namespace millrace::db {

Result<std::unique_ptr<Backend>> find_backend(const std::string& uri) {
  constexpr std::string_view kSqlite = "sqlite:";
  if (is_postgres_uri(uri)) return postgres_backend(uri);
  return sqlite_backend(uri.starts_with(kSqlite) ? uri.substr(kSqlite.size()) : uri);
}

}  // namespace millrace::db
