#include "db/group_commit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <stdexcept>
#include <thread>

#include "base/files.h"
#include "db/database.h"
#include "db/testing.h"

namespace millrace::db {
namespace {

using ::testing::ElementsAre;

class GroupCommitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database = open_for_test(home.path());
    MUST(database->execute("create table things (id integer primary key) strict"));
  }
  Result<void> insert(int id) {
    return database->write([id](Transaction& tx) -> Result<void> {
      TRY(tx.execute("insert into things (id) values (?)", id));
      return {};
    });
  }
  std::vector<std::int64_t> ids() { return MUST(database->query<std::int64_t>("select id from things order by id")); }

  // Calls each on a thread of its own while the writer is held, so that all but the first share a transaction.
  void together(std::vector<std::function<void()>> calls) {
    std::vector<std::jthread> threads;
    Transaction held = MUST(database->begin());
    std::latch started(static_cast<std::ptrdiff_t>(calls.size()));
    for (auto& call : calls) {
      threads.emplace_back([&started, call] {
        started.count_down();
        call();
      });
    }
    started.wait();
    MUST(held.commit());
  }

  TemporaryDirectory home;
  std::unique_ptr<Database> database;
};

TEST_F(GroupCommitTest, ManyThreadsWriteAllOfTheirs) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 100; ++i) MUST(insert(t * 100 + i));
    });
  }
  threads.clear();
  EXPECT_EQ(ids().size(), 800U);
}

TEST_F(GroupCommitTest, AnErrorUndoesOnlyItsOwn) {
  MUST(insert(1));
  std::vector<std::function<void()>> calls;
  for (int id = 2; id < 8; ++id) calls.emplace_back([this, id] { MUST(insert(id)); });
  calls.emplace_back([this] {
    const auto written = database->write([](Transaction& tx) -> Result<void> {
      TRY(tx.execute("insert into things (id) values (100)"));
      TRY(tx.execute("insert into things (id) values (1)"));
      return {};
    });
    EXPECT_EQ(written.error().code, Code::kAlreadyExists);
  });
  together(std::move(calls));
  EXPECT_THAT(ids(), ElementsAre(1, 2, 3, 4, 5, 6, 7));
}

TEST_F(GroupCommitTest, AnErrorOfOneAloneUndoesIt) {
  EXPECT_FALSE(database->write([](Transaction& tx) -> Result<void> {
    TRY(tx.execute("insert into things (id) values (1)"));
    return invalid_argument("no");
  }));
  EXPECT_TRUE(ids().empty());
}

TEST_F(GroupCommitTest, WhatIsThrownReachesItsOwnThreadOnly) {
  std::vector<std::function<void()>> calls;
  for (int id = 1; id < 4; ++id) calls.emplace_back([this, id] { MUST(insert(id)); });
  calls.emplace_back([this] {
    EXPECT_THROW((void)database->write([](Transaction&) -> Result<void> { throw std::runtime_error("bug"); }),
                 std::runtime_error);
  });
  together(std::move(calls));
  EXPECT_THAT(ids(), ElementsAre(1, 2, 3));
}

TEST_F(GroupCommitTest, HooksAreThoseOfTheWorkThatStays) {
  std::string called;
  Transaction tx = MUST(database->begin());
  EXPECT_TRUE(tx.nested([&](Transaction& inner) -> Result<void> {
    inner.after_commit([&] { called += 'a'; });
    inner.after_rollback([&] { called += 'b'; });
    return {};
  }));
  EXPECT_FALSE(tx.nested([&](Transaction& inner) -> Result<void> {
    inner.after_commit([&] { called += 'c'; });
    inner.after_rollback([&] { called += 'd'; });
    return invalid_argument("no");
  }));
  MUST(tx.commit());
  EXPECT_EQ(called, "ad");
}

TEST_F(GroupCommitTest, AThreadWithATransactionOpenIsRefused) {
  const Transaction held = MUST(database->begin());
  EXPECT_EQ(insert(1).error().code, Code::kInternal);
}

}  // namespace
}  // namespace millrace::db
