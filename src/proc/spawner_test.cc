#include "proc/spawner.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <sstream>
#include <thread>

#include "base/fd.h"
#include "base/files.h"
#include "proc/pidfd.h"

namespace millrace::proc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

class SpawnerTest : public testing::Test {
 protected:
  SpawnerTest() : spawner(MUST(Spawner::open())) {}

  std::vector<std::string> shell(std::string script) { return {"/bin/sh", "-c", std::move(script)}; }
  std::string read(const std::filesystem::path& path) { return MUST(read_file(path)); }

  // Everything a script writes, and how it ended.
  std::pair<std::string, Exit> run(Command command) {
    std::string text;
    command.on_output = [&](std::string_view piece) { text += piece; };
    auto child = MUST(spawner->spawn(std::move(command)));
    const auto exit = child.wait();
    return {text, exit};
  }

  TemporaryDirectory folder;
  std::unique_ptr<Spawner> spawner;
};

// Waits for a process that is not ours to end; what does not exist has ended.
bool ends(pid_t pid) {
  const Fd pidfd = open_pidfd(pid);
  if (!pidfd) return true;
  pollfd wait{pidfd.get(), POLLIN, 0};
  return ::poll(&wait, 1, 10'000) == 1;
}

TEST_F(SpawnerTest, ReportsHowAChildEnded) {
  struct Case {
    std::string name, script, described;
    int status, signal;
  };
  const Case cases[] = {{"well", "exit 0", "exit status 0", 0, 0},
                        {"badly", "exit 3", "exit status 3", 3, 0},
                        {"by a signal", "kill -TERM $$", "killed by signal 15 (Terminated)", 0, SIGTERM}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    auto child = MUST(spawner->spawn({.argv = shell(c.script)}));
    const auto exit = child.wait();
    EXPECT_EQ(exit.status, c.status);
    EXPECT_EQ(exit.signal, c.signal);
    EXPECT_EQ(describe(exit), c.described);
    EXPECT_EQ(child.wait().status, c.status);  // again
  }
}

TEST_F(SpawnerTest, AppendsOutputAndErrorsToAFile) {
  const auto log = folder.path() / "log.txt";
  for (int i = 0; i < 2; ++i) {
    MUST(spawner->spawn({.argv = shell("echo out; echo err >&2"), .output_file = log})).wait();
  }
  EXPECT_EQ(read(log), "out\nerr\nout\nerr\n");
}

TEST_F(SpawnerTest, HandsAllOutputToAFunction) {
  const auto [text, exit] = run({.argv = shell("seq 1 50000; echo last >&2")});
  EXPECT_TRUE(exit.ok());
  EXPECT_THAT(text, testing::StartsWith("1\n2\n"));
  EXPECT_THAT(text, testing::EndsWith("50000\nlast\n"));
}

TEST_F(SpawnerTest, OutputEndsWithTheChildEvenWhereAnotherHoldsThePipe) {
  const auto [text, exit] = run({.argv = shell("setsid sleep 60 & echo $!")});
  EXPECT_THAT(text, testing::MatchesRegex("[0-9]+\n"));
  ::kill(std::stoi(text), SIGKILL);
}

TEST_F(SpawnerTest, AddsToTheEnvironment) {
  ::setenv("MILLRACE_TEST_KEPT", "kept", 1);
  ::setenv("MILLRACE_TEST_CHANGED", "old", 1);
  const auto [text, exit] = run({.argv = shell("echo $MILLRACE_TEST_KEPT $MILLRACE_TEST_CHANGED $MILLRACE_TEST_NEW"),
                                 .env = {{"MILLRACE_TEST_CHANGED", "changed"}, {"MILLRACE_TEST_NEW", "a b"}}});
  EXPECT_EQ(text, "kept changed a b\n");
}

TEST_F(SpawnerTest, RunsInAFolder) {
  const auto [text, exit] = run({.argv = {"pwd"}, .cwd = folder.path()});
  EXPECT_EQ(text, folder.path().string() + "\n");
}

TEST_F(SpawnerTest, HasNoInputAndNoDescriptorsOfOurs) {
  const Fd leaky(::open("/dev/null", O_RDONLY));  // without close-on-exec
  const auto [text, exit] = run({.argv = shell("cat; ls /proc/self/fd | wc -l")});
  EXPECT_EQ(text, "4\n");  // input, output, errors, and the folder that ls reads
}

TEST_F(SpawnerTest, ReadsFromADescriptorThatItIsGiven) {
  MUST(write_file(folder.path() / "input", "given"));
  const Fd input(::open((folder.path() / "input").c_str(), O_RDONLY | O_CLOEXEC));
  const auto [text, exit] = run({.argv = {"cat"}, .standard_input = input.get()});
  EXPECT_EQ(text, "given");
}

TEST_F(SpawnerTest, ChildrenTakeSignalsAgain) {
  ::signal(SIGPIPE, SIG_IGN);
  const auto [text, exit] = run({.argv = shell("kill -PIPE $$")});
  ::signal(SIGPIPE, SIG_DFL);
  EXPECT_EQ(exit.signal, SIGPIPE);
}

TEST_F(SpawnerTest, SaysWhatCannotBeStarted) {
  const auto plain = folder.path() / "plain";
  MUST(write_file(plain, "text"));
  struct Case {
    std::string name;
    Command command;
    Code code;
    std::string message;
  };
  const Case cases[] = {
      {"no program",
       {.argv = {"no-such-program"}},
       Code::kNotFound,
       "cannot start \"no-such-program\": no such file or directory"},
      {"no file", {.argv = {"/no/such"}}, Code::kNotFound, "cannot start \"/no/such\": no such file or directory"},
      {"not executable",
       {.argv = {plain}},
       Code::kPermissionDenied,
       "cannot start \"" + plain.string() + "\": permission denied"},
      {"no folder",
       {.argv = {"true"}, .cwd = "/nowhere"},
       Code::kNotFound,
       "cannot start \"true\" in /nowhere: no such file or directory"},
      {"nothing", {}, Code::kInvalidArgument, "a command needs a program"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto child = spawner->spawn(c.command);
    ASSERT_FALSE(child);
    EXPECT_EQ(child.error().code, c.code);
    EXPECT_EQ(child.error().message, c.message);
  }
  EXPECT_FALSE(spawner->spawn({.argv = {"true"}, .output_file = "/nowhere/log"}));
}

TEST_F(SpawnerTest, WaitsAsLongAsAsked) {
  auto child = MUST(spawner->spawn({.argv = {"sleep", "60"}}));
  EXPECT_FALSE(child.wait_for(Duration{0}));
  EXPECT_FALSE(child.wait_for(milliseconds(5)));
  child.signal(SIGINT);
  EXPECT_EQ(child.wait().signal, SIGINT);
}

TEST_F(SpawnerTest, TerminateIsPoliteFirst) {
  std::mutex mutex;
  std::string text;
  std::condition_variable changed;
  const auto collect = [&](std::string_view piece) {
    const std::lock_guard lock(mutex);
    text += piece;
    changed.notify_all();
  };
  auto child = MUST(spawner->spawn(
      {.argv = shell("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done"), .on_output = collect}));
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return text == "ready\n"; });
  }
  const auto exit = child.terminate(seconds(30));
  EXPECT_EQ(exit.status, 7);
  EXPECT_THAT(text, testing::EndsWith("bye\n"));
}

TEST_F(SpawnerTest, TerminateKillsWhatDoesNotListen) {
  const auto ready = folder.path() / "ready";
  auto child =
      MUST(spawner->spawn({.argv = shell("trap '' TERM; touch " + ready.string() + "; while :; do sleep 1; done")}));
  while (!std::filesystem::exists(ready)) EXPECT_FALSE(child.wait_for(milliseconds(1)));
  EXPECT_EQ(child.terminate(milliseconds(20)).signal, SIGKILL);
}

TEST_F(SpawnerTest, OneThreadMayWaitWhileAnotherTerminates) {
  auto child = MUST(spawner->spawn({.argv = {"sleep", "60"}}));
  std::thread waiter([&] { EXPECT_NE(child.wait().signal, 0); });
  EXPECT_NE(child.terminate(seconds(10)).signal, 0);
  waiter.join();
}

TEST_F(SpawnerTest, WhatAChildLeftInItsGroupIsKilled) {
  const auto pid = folder.path() / "pid";
  MUST(spawner->spawn({.argv = shell("sleep 60 & echo $! > " + pid.string())})).wait();
  EXPECT_TRUE(ends(std::stoi(read(pid))));
}

TEST_F(SpawnerTest, AChildDoesNotOutliveItsObject) {
  pid_t pid = 0;
  {
    const auto child = MUST(spawner->spawn({.argv = {"sleep", "60"}}));
    pid = child.pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(SpawnerTest, ChildrenDieWithTheirSpawner) {
  auto child = MUST(spawner->spawn({.argv = {"sleep", "60"}}));
  spawner.reset();
  EXPECT_EQ(child.wait().signal, SIGKILL);
}

TEST_F(SpawnerTest, ChildrenOfAShortLivedThreadLiveOn) {
  std::optional<Child> child;
  std::thread([&] { child = MUST(spawner->spawn({.argv = {"sleep", "60"}})); }).join();
  EXPECT_FALSE(child->wait_for(milliseconds(20)));
}

TEST_F(SpawnerTest, MeasuresMemoryAndTime) {
  const auto [text, exit] = run({.argv = shell("head -c 400000000 /dev/zero | tail -n 1 | wc -c")});
  EXPECT_EQ(text, "400000000\n");
  EXPECT_GT(exit.peak_rss_bytes, 300'000'000);
  EXPECT_GT(exit.cpu_time.count(), 0);
}

TEST_F(SpawnerTest, AChildIsNotChargedWithItsParentsMemory) {
  const std::string large(64 << 20, 'x');
  auto child = MUST(spawner->spawn({.argv = {"sleep", "60"}}));
  EXPECT_FALSE(child.wait_for(milliseconds(1)));
  const auto exit = child.terminate(seconds(10));
  EXPECT_GT(exit.peak_rss_bytes, 0);
  EXPECT_LT(exit.peak_rss_bytes, static_cast<std::int64_t>(large.size()) / 2);
}

TEST_F(SpawnerTest, LeavesNoDescriptorsOpen) {
  const auto count = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  const auto before = count();
  for (int i = 0; i < 5; ++i) {
    run({.argv = {"true"}});
    MUST(spawner->spawn({.argv = {"true"}, .output_file = folder.path() / "log"})).wait();
    EXPECT_FALSE(spawner->spawn({.argv = {"no-such-program"}}));
  }
  EXPECT_EQ(count(), before);
}

// Not a test: what the next one runs as a process of its own, which starts a tree of processes.
TEST_F(SpawnerTest, DISABLED_BeParent) {
  MUST(spawner->spawn({.argv = shell("sleep 60 & echo $$ $! > $MILLRACE_TEST_PIDS.new; "
                                     "mv $MILLRACE_TEST_PIDS.new $MILLRACE_TEST_PIDS; wait")}))
      .wait();
}

TEST_F(SpawnerTest, AWholeTreeDiesWithAParentThatIsKilled) {
  const auto pids = folder.path() / "pids";
  auto parent = MUST(spawner->spawn(
      {.argv = {"/proc/self/exe", "--gtest_filter=*DISABLED_BeParent", "--gtest_also_run_disabled_tests"},
       .env = {{"MILLRACE_TEST_PIDS", pids}},
       .output_file = folder.path() / "log"}));
  while (!std::filesystem::exists(pids)) ASSERT_FALSE(parent.wait_for(milliseconds(1)));
  ::kill(parent.pid(), SIGKILL);
  EXPECT_EQ(parent.wait().signal, SIGKILL);
  std::istringstream text(read(pids));
  pid_t child = 0;
  pid_t grandchild = 0;
  text >> child >> grandchild;
  EXPECT_TRUE(ends(child));
  EXPECT_TRUE(ends(grandchild));
}

}  // namespace
}  // namespace millrace::proc
