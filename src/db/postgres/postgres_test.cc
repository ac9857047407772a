#include "db/postgres/postgres.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "db/database.h"
#include "db/postgres/statistics.h"
#include "db/testing.h"

namespace millrace::db {
namespace {

using ::testing::HasSubstr;

class PostgresTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!tests_use_postgres()) GTEST_SKIP() << "MILLRACE_TEST_POSTGRES names no server";
    uri = uri_for_test(home.path());
    database = MUST(Database::open(uri));
  }
  // Ends this process's sessions, as a server that stops does.
  void cut_connections() {
    const TemporaryDirectory elsewhere;
    MUST(
        open_for_test(elsewhere.path())
            ->query<std::string>("select string_agg(cast(pg_terminate_backend(pid) as text), '') from pg_stat_activity "
                                 "where application_name like ? and pid <> pg_backend_pid()",
                                 fmt::format("millrace (pid {} on %", ::getpid())));
  }

  TemporaryDirectory home;
  std::string uri;
  std::unique_ptr<Database> database;
};

TEST_F(PostgresTest, ASecondProcessIsRefusedAndTheFirstIsNamed) {
  const Error error = Database::open(uri).error();
  EXPECT_EQ(error.code, Code::kFailedPrecondition);
  EXPECT_THAT(error.message, HasSubstr(fmt::format("millrace (pid {} on ", ::getpid())));
  EXPECT_THAT(error.message, HasSubstr("stop it or choose another database with --db"));
  database.reset();
  EXPECT_TRUE(Database::open(uri));
}

TEST_F(PostgresTest, AfterItsConnectionsWereCutTheNextStatementsSucceed) {
  MUST(database->execute("create table things (id integer primary key) strict"));
  MUST(database->execute("insert into things (id) values (1)"));
  EXPECT_EQ(MUST(database->query<int>("select count(*) from things")).front(), 1);
  cut_connections();
  EXPECT_EQ(MUST(database->query<int>("select count(*) from things")).front(), 1);
  MUST(database->execute("insert into things (id) values (2)"));
  EXPECT_EQ(MUST(database->query<int>("select count(*) from things")).front(), 2);
}

TEST_F(PostgresTest, ATableThatHasGrownIsCounted) {
  MUST(database->execute("create table things (id integer primary key) strict"));
  {
    Transaction tx = MUST(database->begin());
    MUST(tx.execute("insert into things (id) select generate_series(1, 2000)"));
    MUST(
        tx.query<std::string>("select cast(pg_stat_force_next_flush() as text)"));  // at the commit, not a second later
    MUST(tx.commit());
  }
  Session session = MUST(Session::open(uri, "the test's database"));
  MUST(count_changed_tables(session));
  EXPECT_EQ(MUST(session.value("select reltuples::int from pg_class where oid = 'things'::regclass")), "2000");
}

TEST_F(PostgresTest, ATransactionThatIsCutIsUndone) {
  MUST(database->execute("create table things (id integer primary key) strict"));
  {
    Transaction tx = MUST(database->begin());
    MUST(tx.execute("insert into things (id) values (1)"));
    cut_connections();
    const Error error = tx.execute("insert into things (id) values (2)").error();
    EXPECT_EQ(error.code, Code::kUnavailable);
    EXPECT_THAT(error.message, HasSubstr("was lost"));
    EXPECT_EQ(tx.execute("insert into things (id) values (3)").error().code, Code::kUnavailable);
    EXPECT_EQ(tx.commit().error().code, Code::kUnavailable);
  }
  {
    Transaction tx = MUST(database->begin());
    MUST(tx.execute("insert into things (id) values (1)"));
    cut_connections();
    EXPECT_THAT(tx.commit().error().message, HasSubstr("the transaction is undone"));
  }
  EXPECT_EQ(MUST(database->query<int>("select count(*) from things")).front(), 0);
}

TEST(PostgresUri, IsPrintedWithoutItsPassword) {
  EXPECT_EQ(MUST(printable_uri("postgresql://me:secret@db.example:5433/mill?password=too&sslmode=require")),
            "postgresql://me@db.example:5433/mill");
  EXPECT_EQ(MUST(printable_uri("postgres:///mill")), "postgresql:///mill");
  EXPECT_EQ(printable_uri("postgresql://h/?nonsense=1").error().code, Code::kInvalidArgument);
}

TEST(PostgresUri, AServerThatIsNotThereIsUnavailable) {
  const Error error = Database::open("postgresql://me:secret@127.0.0.1:1/mill").error();
  EXPECT_EQ(error.code, Code::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr("cannot open postgresql://me@127.0.0.1:1/mill: "));
  EXPECT_THAT(error.message, HasSubstr("Connection refused"));
  EXPECT_THAT(error.message, ::testing::Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace millrace::db
