#include "serving/runtimes/worker_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "base/files.h"

namespace millrace::serving {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using testing::HasSubstr;
using Steady = std::chrono::steady_clock;

// What makes testdata/worker fail.
enum Row { kFine = 0, kKills = 1, kHangs = 2, kErrs = 3, kHogs = 4, kExits = 5, kBabbles = 6, kMixesUp = 7 };

class WorkerPoolTest : public testing::Test {
 protected:
  WorkerSettings settings() {
    auto settings = MUST(host.worker("m/1", folder.path(), {.memory = std::int64_t{200} << 20}));
    settings.interpreter = MILLRACE_SOURCE_DIR "/src/serving/runtimes/testdata/worker";
    return settings;
  }

  Result<std::vector<double>> infer(WorkerPool& pool, double value, Duration timeout = minutes(1)) {
    const std::int64_t shape = 1;
    const TensorView input{.name = "x", .shape = {&shape, 1}, .data = std::as_bytes(std::span(&value, 1))};
    auto worker = TRY(pool.borrow(Steady::now() + minutes(1)));
    auto answer = TRY(worker->infer({&input, 1}, Steady::now() + timeout));
    const auto numbers = elements<double>(answer.at(0));
    return std::vector<double>(numbers.begin(), numbers.end());
  }

  TemporaryDirectory folder;
  metrics::Registry metrics;
  PythonHost host{{.home = folder.path()}, metrics};
};

TEST_F(WorkerPoolTest, Scores) {
  const auto pool = MUST(WorkerPool::start(host, settings(), 2));
  EXPECT_EQ(pool->loaded().inputs, (std::vector<TensorSpec>{{.name = "x"}}));
  EXPECT_EQ(pool->loaded().outputs, (std::vector<TensorSpec>{{.name = "prediction"}}));
  EXPECT_EQ(MUST(infer(*pool, 21)), std::vector<double>{42});
  EXPECT_EQ(pool->status().size(), 2);
}

TEST_F(WorkerPoolTest, AFailureIsOfOneCallAndTheWorkerIsStartedAgain) {
  const struct {
    Row row;
    Code code;
    std::string_view message;
    Duration timeout = minutes(1);
  } cases[] = {
      {kKills, Code::kUnavailable, "the Python worker has ended: killed by signal 9"},
      {kHangs, Code::kDeadlineExceeded, "took longer than it may", milliseconds(50)},
      {kHogs, Code::kUnavailable, "took more than the 200 MiB of memory"},
      {kExits, Code::kUnavailable, "has ended: exit status 7; it said: these are my last words"},
      {kBabbles, Code::kDataLoss, "which is too long"},
      {kMixesUp, Code::kDataLoss, "answered 0 to"},
  };
  const auto pool = MUST(WorkerPool::start(host, settings(), 1));
  std::uint64_t restarts = 0;
  for (const auto& c : cases) {
    SCOPED_TRACE(c.message);
    const auto failed = infer(*pool, c.row, c.timeout);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, c.code);
    EXPECT_THAT(failed.error().message, HasSubstr(c.message));
    EXPECT_EQ(MUST(infer(*pool, 4.5)), std::vector<double>{9});
    EXPECT_EQ(pool->status()[0].restarts, ++restarts);
  }
}

TEST_F(WorkerPoolTest, AnErrorOfTheModelLeavesTheWorker) {
  const auto pool = MUST(WorkerPool::start(host, settings(), 1));
  const auto pid = pool->status()[0].pid;
  EXPECT_EQ(infer(*pool, kErrs).error().message, "no threes");
  EXPECT_EQ(MUST(infer(*pool, 8)), std::vector<double>{16});
  EXPECT_EQ(pool->status()[0].pid, pid);
}

TEST_F(WorkerPoolTest, AnIdleWorkerThatDiesIsStartedAgain) {
  const auto pool = MUST(WorkerPool::start(host, settings(), 1));
  const auto pid = pool->status()[0].pid;
  ::kill(static_cast<pid_t>(pid), SIGKILL);
  while (pool->status()[0].restarts == 0) std::this_thread::yield();
  EXPECT_EQ(MUST(infer(*pool, 8)), std::vector<double>{16});
  EXPECT_NE(pool->status()[0].pid, pid);
}

TEST_F(WorkerPoolTest, NobodyWaitsForWorkersThatDoNotStart) {
  const auto pool = MUST(WorkerPool::start(host, settings(), 1));
  MUST(write_file(folder.path() / "broken", ""));
  EXPECT_FALSE(infer(*pool, kKills));
  const auto refused = infer(*pool, 8);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("end as soon as they start; the last one: the model is broken"));
}

TEST_F(WorkerPoolTest, SaysWhyItCannotStart) {
  auto missing = settings();
  missing.interpreter = "no-such-python";
  EXPECT_EQ(WorkerPool::start(host, missing, 2).error().message,
            "cannot start \"no-such-python\": no such file or directory; name a Python interpreter with --python, "
            "or the endpoint's environment");
  auto silent = settings();
  silent.interpreter = "/bin/true";
  EXPECT_THAT(WorkerPool::start(host, silent, 1).error().message, HasSubstr("has ended: exit status 0"));
  auto other = settings();
  other.interpreter = "/bin/echo";
  EXPECT_THAT(WorkerPool::start(host, other, 1).error().message, HasSubstr("it said: -m millrace_worker"));
  MUST(write_file(folder.path() / "broken", ""));
  EXPECT_EQ(WorkerPool::start(host, settings(), 1).error().message, "the model is broken");
}

TEST_F(WorkerPoolTest, AStopEndsWhatRuns) {
  const auto pool = MUST(WorkerPool::start(host, settings(), 1));
  std::jthread stopper([&] { pool->stop(); });
  EXPECT_THAT(infer(*pool, kHangs).error().message, HasSubstr("being unloaded"));
}

TEST_F(WorkerPoolTest, PythonModelsMayBeRefused) {
  PythonHost refusing({.home = folder.path(), .models = PythonHost::Models::kRefused}, metrics);
  EXPECT_THAT(refusing.worker("m/1", folder.path(), {}).error().message, HasSubstr("runs no Python models"));
}

}  // namespace
}  // namespace millrace::serving
