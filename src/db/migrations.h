#pragma once

#include <span>
#include <string_view>

#include "base/result.h"
#include "db/database.h"

namespace millrace::db {

// One step forward of a module's tables: any number of SQL statements.
struct Migration {
  int number;
  std::string_view sql;
};

// A database tells what made it, so that another can be made alike.
inline constexpr char kMigrationTables[] = R"sql(
create table if not exists schema_migrations (
  module text not null,
  number integer not null,
  primary key (module, number)
) strict, without rowid;
create table if not exists migration_texts (
  module text not null,
  number integer not null,
  sql text not null,
  primary key (module, number)
) strict, without rowid;
)sql";

// Brings the tables of `module` to the newest of `migrations` (in rising order), all in one transaction, and records it
// in schema_migrations(module, number) and the SQL in migration_texts(module, number, sql). kFailedPrecondition when
// the file is already past them: it was written by a newer program and is left as it is.
Result<void> migrate(Database& database, std::string_view module, std::span<const Migration> migrations);

}  // namespace millrace::db
