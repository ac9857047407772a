#include "datasets/row_log.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "base/files.h"

namespace millrace::datasets {
namespace {

const std::vector<duck::ColumnType> kColumns{{"id", duck::Type::kVarchar},
                                             {"n", duck::Type::kBigint},
                                             {"x", duck::Type::kDouble},
                                             {"at", duck::Type::kTimestamp},
                                             {"ok", duck::Type::kBoolean}};

class RowLogTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<RowLog>> open(std::size_t file_bytes = 1 << 20) {
    return RowLog::open({.directory = directory_.path() / "log", .columns = kColumns, .file_bytes = file_bytes});
  }

  static Result<void> append(RowLog& log, std::int64_t n, std::string_view id) {
    const Value row[] = {Value::of(id), n % 5 == 0 ? Value::null() : Value::of(n),
                         Value::of(static_cast<double>(n) / 3), Value::of(Timestamp{n * 1000}),
                         Value::of_bool(n % 2 == 0)};
    return log.append(row);
  }

  static std::map<std::string, std::int64_t> read(const std::vector<SealedFile>& files) {
    std::map<std::string, std::int64_t> rows;
    for (const SealedFile& file : files) {
      MUST(read_row_log_file(
          file.path,
          [&](duck::Table& table) -> Result<void> {
            EXPECT_EQ(table.types(), kColumns);
            for (std::size_t i = 0; i < table.rows; ++i) {
              const std::int64_t n = table.columns[3].ints[i] / 1000;
              EXPECT_EQ(table.columns[1].is_null(i), n % 5 == 0);
              EXPECT_EQ(table.columns[2].doubles[i], static_cast<double>(n) / 3);
              EXPECT_EQ(table.columns[4].ints[i], n % 2 == 0);
              EXPECT_TRUE(rows.emplace(table.columns[0].strings[i], n).second)
                  << "twice: " << table.columns[0].strings[i];
            }
            return {};
          },
          100));
    }
    return rows;
  }

  TemporaryDirectory directory_;
};

TEST_F(RowLogTest, IsSyncedWhileItIsWritten) {
  const auto log = MUST(open(1 << 14));
  std::atomic<bool> done{false};
  std::jthread syncer([&] {
    while (!done) MUST(log->sync());
  });
  for (int n = 0; n < 5000; ++n) {
    MUST(append(*log, n, fmt::format("r{}", n)));
    if (n % 1000 == 999) MUST(log->drop(log->sealed().front().sequence));
  }
  done = true;
  syncer.join();
  MUST(log->sync());
  const auto rows = read(MUST(log->freeze()));
  EXPECT_EQ(rows.rbegin()->second, 999);
  EXPECT_TRUE(rows.contains("r4999"));
}

TEST_F(RowLogTest, RowsComeBackInOrder) {
  auto log = MUST(open());
  for (int n = 0; n < 1000; ++n) ASSERT_TRUE(append(*log, n, "row " + std::to_string(n)));
  EXPECT_EQ(log->rows(), 1000);
  const auto files = MUST(log->freeze());
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].rows, 1000);
  EXPECT_EQ(read(files).size(), 1000u);
}

TEST_F(RowLogTest, FullFilesAreFollowedByNewOnes) {
  auto log = MUST(open(64 << 10));
  for (int n = 0; n < 5000; ++n) ASSERT_TRUE(append(*log, n, "a text of some length " + std::to_string(n)));
  const auto files = MUST(log->freeze());
  EXPECT_GT(files.size(), 5u);
  EXPECT_EQ(read(files).size(), 5000u);
}

TEST_F(RowLogTest, AnotherProcessFindsAllAndGoesOn) {
  {
    auto log = MUST(open());
    for (int n = 0; n < 10; ++n) ASSERT_TRUE(append(*log, n, "first " + std::to_string(n)));
  }
  auto log = MUST(open());
  EXPECT_EQ(log->rows(), 10);
  ASSERT_TRUE(append(*log, 10, "second"));
  const auto files = MUST(log->freeze());
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(read(files).size(), 11u);
  ASSERT_TRUE(log->drop(files[0].sequence));
  EXPECT_EQ(log->rows(), 1);
  EXPECT_FALSE(std::filesystem::exists(files[0].path));
}

TEST_F(RowLogTest, SequenceNumbersNeverComeTwice) {
  {
    auto log = MUST(open());
  }
  auto log = MUST(RowLog::open({.directory = directory_.path() / "log", .columns = kColumns, .first_sequence = 42}));
  ASSERT_TRUE(append(*log, 1, "x"));
  EXPECT_EQ(MUST(log->freeze())[0].sequence, 42);
}

TEST_F(RowLogTest, WrongRowsAreRefused) {
  auto log = MUST(open(64 << 10));
  const Value short_row[] = {Value::of(std::string_view("a"))};
  EXPECT_EQ(log->append(short_row).error().code, Code::kInvalidArgument);
  const Value wrong[] = {Value::of(1.5), Value::null(), Value::null(), Value::null(), Value::null()};
  EXPECT_EQ(log->append(wrong).error().message, "column id takes a varchar");
  const std::string huge(100'000, 'x');
  EXPECT_FALSE(append(*log, 1, huge));
  EXPECT_EQ(MUST(log->freeze()).size(), 0u);
}

TEST_F(RowLogTest, UncommittedBytesArePassedOver) {
  auto log = MUST(open());
  for (int n = 0; n < 3; ++n) ASSERT_TRUE(append(*log, n, "row" + std::to_string(n)));
  const auto file = MUST(log->freeze())[0];
  std::string bytes = MUST(read_file(file.path));
  // The second record as it would be had the process died before its commit word, with half a payload.
  const std::size_t size = (bytes.size() - 4096) / 3;
  std::memset(bytes.data() + 4096 + size, 0, 8);
  std::ofstream(file.path, std::ios::binary) << bytes;
  EXPECT_EQ(read({file}).size(), 2u);
}

TEST_F(RowLogTest, DamagedHeaderIsDataLossAndAnUnfinishedFileIsForgotten) {
  {
    auto log = MUST(open());
    ASSERT_TRUE(append(*log, 1, "x"));
  }
  const auto path = directory_.path() / "log" / "000000000001.rows";
  std::string bytes = MUST(read_file(path));
  bytes[40] ^= 1;
  std::ofstream(path, std::ios::binary) << bytes;
  EXPECT_EQ(open().error().code, Code::kDataLoss);
  std::filesystem::resize_file(path, 0);
  std::filesystem::resize_file(path, 1 << 20);
  EXPECT_EQ(MUST(open())->rows(), 0);
}

TEST_F(RowLogTest, ThreadsAppendWhileTheLogIsFrozen) {
  auto log = MUST(open(64 << 10));
  constexpr int kThreads = 4;
  constexpr int kRows = 5000;
  std::map<std::string, std::int64_t> seen;
  {
    std::vector<std::jthread> threads;
    std::atomic<int> running = kThreads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int n = 0; n < kRows; ++n) MUST(append(*log, n, std::to_string(t) + "/" + std::to_string(n)));
        --running;
      });
    }
    while (running > 0) {
      const auto files = MUST(log->freeze(RowLog::Sync::kNo));
      seen.merge(read(files));
      if (!files.empty()) ASSERT_TRUE(log->drop(files.back().sequence));
    }
  }
  seen.merge(read(MUST(log->freeze())));
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kThreads) * kRows);
}

// A child appends from two threads and counts what was accepted in shared memory; it is killed at a random moment.
TEST_F(RowLogTest, WhatWasAcceptedSurvivesKill) {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    const auto directory = directory_.path() / ("kill" + std::to_string(round));
    const RowLogOptions options{.directory = directory, .columns = kColumns, .file_bytes = 256 << 10};
    auto* accepted = static_cast<std::atomic<std::int64_t>*>(
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    const pid_t child = ::fork();
    if (child == 0) {
      auto log = MUST(RowLog::open(options));
      const auto work = [&](int t) {
        for (std::int64_t n = 0;; ++n) {  // not too fast: all of it is read again
          MUST(append(*log, n, std::to_string(t) + "/" + std::to_string(n)));
          accepted[t].store(n + 1, std::memory_order_release);
          if (n % 256 == 0) ::usleep(200);
        }
      };
      std::thread other(work, 1);
      work(0);
    }
    while (accepted[0].load() < 100 || accepted[1].load() < 100) std::this_thread::yield();
    ::usleep(random() % 20'000);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    auto log = MUST(RowLog::open(options));
    const auto rows = read(log->sealed());
    for (int t = 0; t < 2; ++t) {
      const std::int64_t count = accepted[t].load();
      for (std::int64_t n = 0; n < count; ++n) {
        ASSERT_TRUE(rows.contains(std::to_string(t) + "/" + std::to_string(n))) << "round " << round << " row " << n;
      }
    }
    ::munmap(accepted, 4096);
  }
}

}  // namespace
}  // namespace millrace::datasets
