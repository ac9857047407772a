#include "jobs/jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "base/files.h"
#include "db/testing.h"

namespace millrace::jobs {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

// A queue over a real file, which can be closed as abruptly as the process allows and opened again.
class Jobs : public testing::Test {
 protected:
  Jobs() { open(); }
  ~Jobs() override { queue_.reset(); }

  void open(QueueOptions options = {}) {
    queue_.reset();
    database_.reset();
    options.log_directory = home_.path() / "logs";
    database_ = db::open_for_test(home_.path());
    queue_ = MUST(Queue::open(*database_, clock_, options));
    queue_->handle("test", {.finished = [this](const Job& job) { on_finished(job); }});
  }
  void start() { MUST(queue_->start()); }

  void on_finished(const Job& job) {
    const std::scoped_lock lock(mutex_);
    finished_.push_back(job);
    changed_.notify_all();
  }

  Job wait(JobId id) {
    std::unique_lock lock(mutex_);
    const auto is_it = [id](const Job& job) { return job.id == id; };
    const auto found = [&] { return std::ranges::find_if(finished_, is_it) != finished_.end(); };
    if (!changed_.wait_for(lock, minutes(1), found)) {
      ADD_FAILURE() << "job " << id << " does not end";
      return {};
    }
    return *std::ranges::find_if(finished_, is_it);
  }

  // A file of the home folder, once it is there; written by a child to say how far it is.
  std::string wait_for_file(const std::string& name) {
    for (int i = 0; i < 6000; ++i) {
      if (auto text = read_file(home_.path() / name); text && !text->empty()) return *text;
      std::this_thread::sleep_for(milliseconds(5));
    }
    ADD_FAILURE() << "no file " << name;
    return "";
  }

  JobSpec shell(std::string key, std::string text) {
    JobSpec spec{.key = std::move(key), .kind = "test", .command = shell_command(std::move(text))};
    spec.command.cwd = home_.path();
    spec.retry.first_delay = milliseconds(1);
    return spec;
  }
  Job run(const JobSpec& spec) { return wait(MUST(queue_->submit(spec)).id); }
  std::string log(const Job& job) { return MUST(queue_->read_log(job.id, 0)).bytes; }
  std::vector<Outcome> outcomes(JobId id) {
    std::vector<Outcome> all;
    for (const Attempt& attempt : MUST(queue_->list_attempts(id))) all.push_back(attempt.outcome);
    return all;
  }

  TemporaryDirectory home_;
  WallClock clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Job> finished_;
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<Queue> queue_;
};

TEST_F(Jobs, RunsACommandAndKeepsItsLog) {
  start();
  JobSpec spec = shell("a", "echo out; echo err >&2; echo $GREETING; pwd");
  spec.command.env["GREETING"] = "hello \"world\"";
  const Job job = run(spec);
  EXPECT_EQ(job.status, Status::kSucceeded);
  EXPECT_EQ(job.exit_code, 0);
  EXPECT_EQ(job.attempts, 1);
  EXPECT_EQ(job.failures, 0);
  EXPECT_TRUE(job.started && job.finished && *job.started <= *job.finished);
  EXPECT_EQ(log(job), "out\nerr\nhello \"world\"\n" + home_.path().string() + "\n");
  EXPECT_THAT(job.log_uri, HasSubstr("file:///"));
}

TEST_F(Jobs, OneKeyIsOneJob) {
  start();
  const Job first = run(shell("same", "echo once >> count"));
  const Job second = MUST(queue_->submit(shell("same", "echo twice >> count")));
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(second.status, Status::kSucceeded);
  EXPECT_EQ(MUST(read_file(home_.path() / "count")), "once\n");
}

TEST_F(Jobs, AFailureKeepsTheExitCode) {
  start();
  const Job job = run(shell("a", "exit 3"));
  EXPECT_EQ(job.status, Status::kFailed);
  EXPECT_EQ(job.exit_code, 3);
  EXPECT_EQ(job.error, "exit status 3");
}

TEST_F(Jobs, ASignalIsKept) {
  start();
  const Job job = run(shell("a", "kill -9 $$"));
  EXPECT_EQ(job.status, Status::kFailed);
  EXPECT_EQ(job.signal, 9);
  EXPECT_FALSE(job.exit_code);
}

TEST_F(Jobs, AProgramThatIsNotThereFailsWithAWord) {
  start();
  JobSpec spec = shell("a", "");
  spec.command.argv = {"/nowhere/program"};
  const Job job = run(spec);
  EXPECT_EQ(job.status, Status::kFailed);
  EXPECT_THAT(job.error, HasSubstr("/nowhere/program"));
  EXPECT_THAT(log(job), HasSubstr("/nowhere/program"));
}

TEST_F(Jobs, AFailedJobIsTriedAgain) {
  start();
  JobSpec spec = shell("a", "echo try >> tries; test $(wc -l < tries) -eq 3");
  spec.retry.retries = 5;
  const Job job = run(spec);
  EXPECT_EQ(job.status, Status::kSucceeded);
  EXPECT_EQ(job.attempts, 3);
  EXPECT_EQ(job.failures, 2);
  EXPECT_THAT(outcomes(job.id), ElementsAre(Outcome::kFailed, Outcome::kFailed, Outcome::kSucceeded));
}

TEST_F(Jobs, EachAttemptHasItsLog) {
  start();
  JobSpec spec = shell("a", "echo try >> tries; wc -l < tries; exit 1");
  spec.retry.retries = 1;
  const Job job = run(spec);
  EXPECT_EQ(job.status, Status::kFailed);
  EXPECT_EQ(MUST(queue_->read_log(job.id, 0, 1)).bytes, "1\n");
  EXPECT_EQ(MUST(queue_->read_log(job.id, 0, 2)).bytes, "2\n");
  EXPECT_EQ(queue_->read_log(job.id, 0, 3).error().code, Code::kNotFound);
}

TEST_F(Jobs, ATimeOutEndsAllProcesses) {
  start();
  JobSpec spec = shell("a", "sleep 600 & sleep 600");
  spec.timeout = milliseconds(100);
  const Job job = run(spec);
  EXPECT_EQ(job.status, Status::kTimedOut);
  EXPECT_EQ(job.error, "timed out after 100ms");
}

TEST_F(Jobs, AChildThatIgnoresTermIsKilled) {
  open({.kill_grace = milliseconds(100)});
  start();
  const Job job = MUST(queue_->submit(shell("a", "trap '' TERM; echo ready > ready; while :; do sleep 1; done")));
  wait_for_file("ready");
  MUST(queue_->cancel(job.id));
  const Job ended = wait(job.id);
  EXPECT_EQ(ended.status, Status::kCancelled);
  EXPECT_EQ(ended.signal, 9);
}

TEST_F(Jobs, ARunningJobIsCancelled) {
  start();
  JobSpec spec = shell("a", "echo ready > ready; exec sleep 600");
  spec.retry.retries = 3;
  const Job job = MUST(queue_->submit(spec));
  wait_for_file("ready");
  MUST(queue_->cancel(job.id));
  EXPECT_EQ(wait(job.id).status, Status::kCancelled);
  EXPECT_EQ(MUST(queue_->find_job(job.id)).attempts, 1);
  EXPECT_TRUE(queue_->cancel(job.id));
}

TEST_F(Jobs, AQueuedJobIsCancelledAtOnce) {
  const Job job = MUST(queue_->submit(shell("a", "touch never")));
  MUST(queue_->cancel(job.id));
  EXPECT_EQ(wait(job.id).status, Status::kCancelled);
  start();
  run(shell("b", "true"));
  EXPECT_FALSE(std::filesystem::exists(home_.path() / "never"));
}

TEST_F(Jobs, AJobWaitingForItsRetryIsCancelled) {
  start();
  JobSpec spec = shell("a", "exit 1");
  spec.retry = {.retries = 1, .first_delay = std::chrono::hours(1), .max_delay = std::chrono::hours(1)};
  const Job job = MUST(queue_->submit(spec));
  while (MUST(queue_->find_job(job.id)).failures == 0) std::this_thread::sleep_for(milliseconds(5));
  MUST(queue_->cancel(job.id));
  EXPECT_EQ(wait(job.id).status, Status::kCancelled);
}

TEST_F(Jobs, AJobThatIsNotThereIsNotFound) {
  EXPECT_EQ(queue_->find_job(7).error().message, "job 7 does not exist");
  EXPECT_EQ(queue_->cancel(7).error().code, Code::kNotFound);
  EXPECT_EQ(queue_->read_log(7, 0).error().code, Code::kNotFound);
  EXPECT_FALSE(MUST(queue_->find_by_key("none")));
}

TEST_F(Jobs, ALogIsReadWhileItGrows) {
  start();
  const Job job = MUST(
      queue_->submit(shell("a", "echo one; echo ready > ready; while ! test -e go; do sleep 0.01; done; echo two")));
  wait_for_file("ready");
  const LogChunk first = MUST(queue_->read_log(job.id, 0));
  EXPECT_EQ(first.bytes, "one\n");
  EXPECT_FALSE(first.complete);
  MUST(write_file(home_.path() / "go", "go"));
  wait(job.id);
  const LogChunk second = MUST(queue_->read_log(job.id, first.next));
  EXPECT_EQ(second.bytes, "two\n");
  EXPECT_TRUE(second.complete);
}

TEST_F(Jobs, RunsSideBySideUpToTheLimit) {
  open({.concurrency = 2});
  start();
  // Each waits for the other: they end only if both run at once.
  const Job a = MUST(queue_->submit(shell("a", "touch a; while ! test -e b; do sleep 0.01; done")));
  const Job b = MUST(queue_->submit(shell("b", "touch b; while ! test -e a; do sleep 0.01; done")));
  EXPECT_EQ(wait(a.id).status, Status::kSucceeded);
  EXPECT_EQ(wait(b.id).status, Status::kSucceeded);
}

TEST_F(Jobs, AGroupHasALimitOfItsOwn) {
  open({.concurrency = 4});
  start();
  std::vector<JobId> ids;
  for (int i = 0; i < 5; ++i) {
    JobSpec spec = shell(fmt::format("job{}", i), "mkdir lock && sleep 0.02 && rmdir lock");
    spec.group = "g";
    spec.group_limit = 1;
    ids.push_back(MUST(queue_->submit(spec)).id);
  }
  for (const JobId id : ids) EXPECT_EQ(wait(id).status, Status::kSucceeded);
}

TEST_F(Jobs, HooksPrepareAndCollect) {
  queue_->handle("hooked", {.prepare = [](const Job& job, Command& command) -> Result<void> {
                              command.env["ATTEMPT"] = std::to_string(job.attempts);
                              return {};
                            },
                            .collect = [this](const Job& job) -> Result<std::string> {
                              if (job.attempts == 1) return failed_precondition("the first is no good");
                              return read_file(home_.path() / "made");
                            },
                            .finished = [this](const Job& job) { on_finished(job); }});
  start();
  JobSpec spec = shell("a", "echo -n made by $ATTEMPT > made");
  spec.kind = "hooked";
  spec.retry.retries = 1;
  const Job job = run(spec);
  EXPECT_EQ(job.status, Status::kSucceeded);
  EXPECT_EQ(job.result, "made by 2");
  EXPECT_EQ(MUST(queue_->list_attempts(job.id)).front().error, "the first is no good");
  EXPECT_THAT(MUST(queue_->read_log(job.id, 0, 1)).bytes, HasSubstr("the first is no good"));
}

TEST_F(Jobs, AJobThatRanWhenTheServerEndedRunsAgain) {
  start();
  const Job job =
      MUST(queue_->submit(shell("a", "echo run >> runs; test -e go || { echo ready > ready; sleep 600; }")));
  wait_for_file("ready");
  MUST(write_file(home_.path() / "go", "go"));
  open();
  EXPECT_EQ(MUST(queue_->find_job(job.id)).status, Status::kRunning);
  start();
  const Job ended = wait(job.id);
  EXPECT_EQ(ended.status, Status::kSucceeded);
  EXPECT_EQ(ended.attempts, 2);
  EXPECT_EQ(ended.failures, 0);
  EXPECT_THAT(outcomes(job.id), ElementsAre(Outcome::kInterrupted, Outcome::kSucceeded));
  EXPECT_EQ(MUST(read_file(home_.path() / "runs")), "run\nrun\n");
}

TEST_F(Jobs, QueuedJobsOutliveTheServer) {
  const Job job = MUST(queue_->submit(shell("a", "true")));
  open();
  start();
  EXPECT_EQ(wait(job.id).status, Status::kSucceeded);
}

TEST_F(Jobs, ACancellationOutlivesTheServer) {
  start();
  const Job job = MUST(queue_->submit(shell("a", "echo ready > ready; sleep 600")));
  wait_for_file("ready");
  queue_->stop();
  MUST(queue_->cancel(job.id));
  open();
  start();
  EXPECT_EQ(wait(job.id).status, Status::kCancelled);
}

TEST_F(Jobs, ListsTheNewestFirstByPages) {
  for (int i = 1; i <= 5; ++i) MUST(queue_->submit(shell(std::to_string(i), "true")));
  const auto keys = [](const Page<Job>& page) {
    std::vector<std::string> all;
    for (const Job& job : page.items) all.push_back(job.spec.key);
    return all;
  };
  const Page<Job> first = MUST(queue_->list_jobs({}, {.limit = 3}));
  EXPECT_THAT(keys(first), ElementsAre("5", "4", "3"));
  const Page<Job> second = MUST(queue_->list_jobs({}, {.limit = 3, .after = first.next}));
  EXPECT_THAT(keys(second), ElementsAre("2", "1"));
  EXPECT_EQ(second.next, "");
  EXPECT_THAT(MUST(queue_->list_jobs({.status = Status::kFailed}, {})).items, testing::IsEmpty());
  EXPECT_EQ(queue_->list_jobs({}, {.after = "x"}).error().code, Code::kInvalidArgument);
}

TEST_F(Jobs, ManyJobsAllRunOnce) {
  open({.concurrency = 4});
  start();
  std::vector<JobId> ids;
  for (int i = 0; i < 60; ++i) ids.push_back(MUST(queue_->submit(shell(fmt::format("j{}", i), "echo x >> all"))).id);
  for (const JobId id : ids) EXPECT_EQ(wait(id).status, Status::kSucceeded);
  EXPECT_EQ(MUST(read_file(home_.path() / "all")).size(), 120U);
}

}  // namespace
}  // namespace millrace::jobs
