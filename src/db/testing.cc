#include "db/testing.h"

#include <cstdlib>

#include "base/hash.h"
#include "db/postgres/postgres.h"
#include "db/postgres/session.h"

namespace millrace::db {

namespace {

const char* postgres_uri() { return std::getenv("MILLRACE_TEST_POSTGRES"); }

// libpq takes the last of an option that is given twice, so nothing of the URI is lost.
std::string with_schema(const std::string& uri, std::string_view schema) {
  return fmt::format("{}{}options=-csearch_path%3D{}", uri, uri.contains('?') ? "&" : "?", schema);
}

}  // namespace

bool tests_use_postgres() { return postgres_uri() != nullptr; }

std::string uri_for_test(const std::filesystem::path& folder) {
  if (!tests_use_postgres()) return (folder / "millrace.db").string();
  const std::string schema = "test_" + sha256(folder.string()).substr(0, 24);
  MUST(printable_uri(postgres_uri()));  // loads libpq
  Session session = MUST(Session::open(postgres_uri(), "the tests' database"));
  MUST(session.script(fmt::format("set client_min_messages = error; create schema if not exists {}", schema)));
  return with_schema(postgres_uri(), schema);
}

std::unique_ptr<Database> open_for_test(const std::filesystem::path& folder) {
  return MUST(Database::open(uri_for_test(folder)));
}

}  // namespace millrace::db
