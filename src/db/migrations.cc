#include "db/migrations.h"

namespace millrace::db {

namespace {

Result<void> apply(Transaction& tx, std::string_view module, const Migration& migration) {
  TRY(tx.script(std::string(migration.sql)));
  TRY(tx.execute("insert into schema_migrations (module, number) values (?, ?)", module, migration.number));
  return {};
}

// A file of a millrace that did not keep the texts gets them here.
Result<void> keep_text(Transaction& tx, std::string_view module, const Migration& migration) {
  TRY(tx.execute("insert into migration_texts (module, number, sql) values (?, ?, ?) on conflict do nothing", module,
                 migration.number, migration.sql));
  return {};
}

}  // namespace

Result<void> migrate(Database& database, std::string_view module, std::span<const Migration> migrations) {
  Transaction tx = TRY(database.begin());
  TRY(tx.script(kMigrationTables));
  const auto done =
      TRY(tx.query<std::int64_t>("select coalesce(max(number), 0) from schema_migrations where module = ?", module));
  const int known = migrations.empty() ? 0 : migrations.back().number;
  if (done.front() > known) {
    return failed_precondition(
        "this home folder was written by a newer millrace (tables of {}: version {}, this program knows {}); "
        "upgrade millrace or choose another folder with --home",
        module, done.front(), known);
  }
  for (const Migration& migration : migrations) {
    if (migration.number > done.front()) TRY(apply(tx, module, migration));
    TRY(keep_text(tx, module, migration));
  }
  if (done.front() < known) TRY(tx.settle_numbers());
  return tx.commit();
}

}  // namespace millrace::db
