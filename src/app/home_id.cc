#include "app/home_id.h"

#include <algorithm>

#include "base/files.h"
#include "db/migrations.h"

namespace millrace::app {

namespace {

constexpr db::Migration kMigrations[] = {{1, R"sql(
create table homes (
  id text primary key
) strict, without rowid;
)sql"}};

Result<std::string> id_in(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return std::string();
  std::string id = TRY(read_file(file));
  while (id.ends_with('\n')) id.pop_back();
  return id;
}

// A first start came no further than to the id.
bool has_files(const std::filesystem::path& home) {
  const auto of_a_start = [](const std::filesystem::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    return name == "lock" || name.starts_with("id") || name.starts_with("millrace.db");
  };
  std::error_code error;
  return !std::ranges::all_of(std::filesystem::directory_iterator(home, error), of_a_start);
}

}  // namespace

std::string database_uri(const std::filesystem::path& home, const std::string& named) {
  return named.empty() ? (home / "millrace.db").string() : named;
}

Result<void> match_home(const std::filesystem::path& home, db::Database& database, IdSource& ids) {
  TRY(db::migrate(database, "homes", kMigrations));
  const std::filesystem::path file = home / "id";
  const std::string of_home = TRY(id_in(file));
  const auto rows = TRY(database.query<std::string>("select id from homes"));
  const std::string of_database = rows.empty() ? "" : rows.front();
  const bool first_start = of_database.empty() && !has_files(home);
  if (of_home != of_database && !of_home.empty() && !first_start) {
    return failed_precondition(
        "the home folder {} has the files of another database than {}; name that one with --db, "
        "or choose another folder with --home",
        home.string(), database.place());
  }
  if (!of_database.empty() && of_home.empty()) {
    return failed_precondition(
        "the files of the database {} are in another home folder than {}; name that one with "
        "--home, or choose another database with --db",
        database.place(), home.string());
  }
  if (!of_database.empty()) return {};
  const std::string id = of_home.empty() ? ids.next() : of_home;
  TRY(write_file(file, id + "\n"));
  TRY(database.execute("insert into homes (id) values (?)", id));
  return {};
}

}  // namespace millrace::app
