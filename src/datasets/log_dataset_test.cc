#include "datasets/log_dataset.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <random>
#include <thread>

#include "datasets/testing.h"

namespace millrace::datasets {
namespace {

LogDatasetSpec labels() {
  return {
      .name = "delays.labels",
      .description = "",
      .columns = {{"id", duck::Type::kVarchar}, {"event_time", duck::Type::kTimestamp}, {"label", duck::Type::kDouble}},
      .event_time = "event_time",
      .key = "id"};
}

Result<void> append(LogDataset& log, std::int64_t n) {
  const std::string id = "flight-" + std::to_string(n);
  const Value row[] = {Value::of(std::string_view(id)), Value::of(Timestamp{n * 1'000'000}),
                       Value::of(static_cast<double>(n % 2))};
  return log.append(row);
}

class LogDatasetTest : public ::testing::Test {
 protected:
  std::unique_ptr<LogDataset> open() { return MUST(LogDataset::open(*home_.datasets, labels())); }
  duck::Table rows() {
    return home_.query("select id, event_time, label from " + scan_sql(MUST(home_.datasets->version("delays.labels"))) +
                       " order by event_time, id");
  }

  TestHome home_;
};

TEST_F(LogDatasetTest, AppendedRowsBecomeAVersion) {
  auto log = open();
  EXPECT_FALSE(MUST(log->commit()));
  for (int n = 0; n < 1000; ++n) ASSERT_TRUE(append(*log, 999 - n));
  EXPECT_EQ(log->pending(), 1000);
  const auto version = MUST(log->commit());
  ASSERT_TRUE(version);
  EXPECT_EQ(version->version, 1);
  EXPECT_EQ(version->rows, 1000);
  EXPECT_EQ(version->event_time, "event_time");
  EXPECT_EQ(log->pending(), 0);
  const duck::Table table = rows();
  ASSERT_EQ(table.rows, 1000u);
  EXPECT_EQ(table.columns[0].strings[7], "flight-7");
  EXPECT_EQ(table.columns[2].doubles[7], 1.0);
  EXPECT_FALSE(MUST(log->commit()));
}

TEST_F(LogDatasetTest, AKeyIsKeptOnce) {
  auto log = open();
  for (int n = 0; n < 100; ++n) ASSERT_TRUE(append(*log, n));
  for (int n = 50; n < 120; ++n) ASSERT_TRUE(append(*log, n));
  EXPECT_EQ(MUST(log->commit())->rows, 120);
  for (int n = 90; n < 130; ++n) ASSERT_TRUE(append(*log, n));
  EXPECT_EQ(MUST(log->commit())->rows, 130);
  for (int n = 0; n < 130; ++n) ASSERT_TRUE(append(*log, n));
  EXPECT_FALSE(MUST(log->commit()));
  EXPECT_EQ(rows().rows, 130u);
}

TEST_F(LogDatasetTest, UncommittedRowsSurviveARestart) {
  {
    auto log = open();
    for (int n = 0; n < 10; ++n) ASSERT_TRUE(append(*log, n));
    ASSERT_TRUE(MUST(log->commit()));
    for (int n = 10; n < 30; ++n) ASSERT_TRUE(append(*log, n));
  }
  home_.restart();
  auto log = open();
  EXPECT_EQ(log->pending(), 20);
  EXPECT_EQ(MUST(log->commit())->rows, 30);
  EXPECT_EQ(MUST(home_.datasets->find("delays.labels")).is_log, true);
}

TEST_F(LogDatasetTest, FilesAlreadyCommittedAreNotReadAgain) {
  {
    auto log = open();
    for (int n = 0; n < 10; ++n) ASSERT_TRUE(append(*log, n));
    // As if the process died between the version's commit and the deletion of the files.
    const auto folder = home_.home() / "datasets" / "delays.labels" / "log";
    std::filesystem::copy(folder, home_.home() / "kept");
    ASSERT_TRUE(MUST(log->commit()));
    log.reset();
    std::filesystem::copy(home_.home() / "kept", folder);
  }
  home_.restart();
  EXPECT_EQ(open()->pending(), 0);
}

TEST_F(LogDatasetTest, ColumnsMayBeAdded) {
  {
    auto log = open();
    ASSERT_TRUE(append(*log, 1));
    ASSERT_TRUE(MUST(log->commit()));
    ASSERT_TRUE(append(*log, 2));
  }
  LogDatasetSpec wider = labels();
  wider.columns.insert(wider.columns.begin(), {"version", duck::Type::kBigint});
  auto log = MUST(LogDataset::open(*home_.datasets, wider));
  const Value row[] = {Value::of(std::int64_t{7}), Value::of(std::string_view("flight-3")),
                       Value::of(Timestamp{3'000'000}), Value::of(0.5)};
  ASSERT_TRUE(log->append(row));
  const Version version = *MUST(log->commit());
  const duck::Table table = home_.query("select id, version from " + scan_sql(version) + " order by id");
  EXPECT_EQ(table.columns[0].strings, (std::vector<std::string>{"flight-1", "flight-2", "flight-3"}));
  EXPECT_EQ(table.columns[1].valid, (std::vector<std::uint8_t>{0, 0, 1}));
  wider.columns[0].type = duck::Type::kDouble;
  EXPECT_EQ(LogDataset::open(*home_.datasets, wider).error().code, Code::kFailedPrecondition);
}

TEST_F(LogDatasetTest, BatchesAndPushesAreRefused) {
  auto log = open();
  EXPECT_EQ(
      home_.datasets->ingest("delays.labels", {.batch_id = "1", .format = Format::kCsv, .bytes = "a"}).error().message,
      "dataset delays.labels takes no batches: the server fills it");
  EXPECT_FALSE(home_.datasets->push_json("delays.labels", "[]", "1"));
}

// A child appends from two threads and commits all the time; it is killed at random moments and started again.
TEST_F(LogDatasetTest, NothingIsLostOrDoubledByKill) {
  auto* accepted = static_cast<std::atomic<std::int64_t>*>(
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  home_.datasets.reset();
  home_.events.reset();
  home_.lineage.reset();
  home_.duck.reset();
  home_.blobs.reset();
  home_.db.reset();
  std::mt19937 random(11);
  for (int round = 0; round < 10; ++round) {
    const std::int64_t before = accepted[0] + accepted[1];
    const pid_t child = ::fork();
    if (child == 0) {
      home_.start();
      auto log = open();
      std::vector<std::thread> threads;
      for (int t = 0; t < 2; ++t) {
        threads.emplace_back([&, t] {
          for (std::int64_t n = accepted[t];; ++n) {
            MUST(append(*log, 2 * n + t));
            accepted[t].store(n + 1);
            if (n % 16 == 0) ::usleep(500);
          }
        });
      }
      while (true) MUST(log->commit());
    }
    while (accepted[0] + accepted[1] < before + 200) std::this_thread::yield();
    ::usleep(random() % 200'000);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  home_.start();
  MUST(open()->commit());
  const std::int64_t total = accepted[0] + accepted[1];
  const duck::Table counts = home_.query("select count(*), count(distinct id) from " +
                                         scan_sql(MUST(home_.datasets->version("delays.labels"))));
  EXPECT_EQ(counts.columns[0].ints[0], counts.columns[1].ints[0]);
  EXPECT_GE(counts.columns[0].ints[0], total);
  EXPECT_LE(counts.columns[0].ints[0], total + 20);  // accepted, but not yet told about when the process died
  ::munmap(accepted, 4096);
}

}  // namespace
}  // namespace millrace::datasets
