#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "pipelines/engine_fixture.h"
#include "proc/proc.h"

namespace millrace::pipelines {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

class EngineRecovery : public EngineTest {};

constexpr const char* kThree = R"(kind: Pipeline
name: p
steps:
  - {name: a, run: "echo a >> $HOME_DIR/done; echo a > $MILLRACE_OUTPUT_O", outputs: [o], cache: false}
  - name: b
    run: |
      echo b >> $HOME_DIR/tries
      test -e $HOME_DIR/go || { echo x > $HOME_DIR/ready; sleep 600; }
      cat $MILLRACE_INPUT_A > $MILLRACE_OUTPUT_O; echo b >> $HOME_DIR/done
    inputs: {a: a.o}
    outputs: [o]
    cache: false
  - {name: c, run: "cp $MILLRACE_INPUT_B $MILLRACE_OUTPUT_O; echo c >> $HOME_DIR/done", inputs: {b: b.o}, outputs: [o], cache: false}
)";

TEST_F(EngineRecovery, ARunGoesOnWhereItStopped) {
  apply(text(kThree));
  start();
  const std::string id = start_run("k");
  wait_for_file("ready");
  close();
  MUST(write_file(home_.path() / "go", "x"));
  reopen(text(kThree));
  EXPECT_EQ(MUST(engine_->active()), 1);
  const PipelineRun run = wait(id);
  EXPECT_EQ(run.status, RunStatus::kSucceeded) << run.error;
  EXPECT_EQ(file("done"), "a\nb\nc\n");
  EXPECT_EQ(file("tries"), "b\nb\n");
  EXPECT_EQ(output(run, "c", "o"), "a\n");
  EXPECT_EQ(find(run, "b").attempts, 2);
  EXPECT_EQ(start_run("k"), id);
}

TEST_F(EngineRecovery, ARunKeepsThePipelineItStartedWith) {
  apply(text(kThree));
  start();
  const std::string id = start_run();
  wait_for_file("ready");
  close();
  MUST(write_file(home_.path() / "go", "x"));
  reopen("kind: Pipeline\nname: p\nsteps: [{name: other, run: 'exit 1'}]\n");
  EXPECT_EQ(wait(id).status, RunStatus::kSucceeded);
  EXPECT_EQ(run().status, RunStatus::kFailed);
}

TEST_F(EngineRecovery, AStepWhoseJobWasNeverSubmittedIsSubmitted) {
  apply("kind: Pipeline\nname: p\nsteps: [{name: a, run: 'true'}]\n");
  const std::string id = start_run();
  // As a server leaves it that died between the step's row and the job's.
  MUST(database_->execute("update pipeline_runs set status = 'running' where id = ?", id));
  MUST(database_->execute("update pipeline_steps set status = 'running' where run = ?", id));
  start();
  EXPECT_EQ(wait(id).status, RunStatus::kSucceeded);
}

TEST_F(EngineRecovery, AJobThatEndedUnseenIsSettled) {
  apply(text(kThree));
  MUST(write_file(home_.path() / "go", "x"));
  start();
  const PipelineRun whole = run();
  // As a server leaves it that died between the job's row and the step's; the step first, as the engine looks at runs.
  MUST(database_->execute("update pipeline_steps set status = 'running', outputs = '{}' where run = ? and name = 'c'",
                          whole.id));
  MUST(database_->execute("update pipeline_runs set status = 'running', finished_us = null where id = ?", whole.id));
  reopen(text(kThree));
  const PipelineRun again = wait(whole.id);
  EXPECT_EQ(again.status, RunStatus::kSucceeded);
  EXPECT_EQ(output(again, "c", "o"), "a\n");
  EXPECT_EQ(file("done"), "a\nb\nc\n") << "nothing ran twice";
}

// Six steps, each of which reads the one before.
std::string long_chain() {
  std::string pipeline = "kind: Pipeline\nname: p\nsteps:\n";
  for (int i = 0; i < 6; ++i) {
    pipeline += fmt::format("  - {{name: s{0}, run: 'echo {0} > $MILLRACE_OUTPUT_O', outputs: [o], cache: false{1}}}\n",
                            i, i == 0 ? "" : fmt::format(", inputs: {{i: s{}.o}}", i - 1));
  }
  return pipeline;
}

TEST_F(EngineRecovery, DroppedAtAnyMomentARunEndsOnce) {
  const std::string pipeline = long_chain();
  apply(pipeline);
  start();
  const std::string id = start_run("once");
  for (int i = 0; i < 25 && !is_finished(MUST(engine_->find_run(id)).status); ++i) {
    std::this_thread::sleep_for(milliseconds(i * 3 % 40));
    reopen(pipeline);
  }
  const PipelineRun run = wait(id);
  expect_ended_once(run);
}

constexpr const char* kKilledHome = "MILLRACE_TEST_KILLED_HOME";

// Run only as another process, by the test below.
class EngineProcess : public EngineTest {
 protected:
  EngineProcess() : EngineTest(std::getenv(kKilledHome)) {}
};

TEST_F(EngineProcess, DISABLED_RunsOnce) {
  apply(long_chain());
  start();
  wait(start_run("once"));
}

TEST_F(EngineRecovery, KilledAtAnyMomentARunEndsOnce) {
  close();
  const auto spawner = MUST(proc::Spawner::open());
  const auto server = [&] {
    return MUST(spawner->spawn({.argv = {"/proc/self/exe", "--gtest_also_run_disabled_tests",
                                         "--gtest_filter=EngineProcess.DISABLED_RunsOnce"},
                                .env = {{kKilledHome, home_.path().string()}},
                                .output_file = home_.path() / "server.log"}));
  };
  for (int i = 0; i < 12; ++i) {
    proc::Child child = server();
    if (child.wait_for(milliseconds(60 + i * 37 % 160))) break;  // it came to the end
    child.signal(SIGKILL);
    child.wait();
  }
  EXPECT_TRUE(server().wait().ok()) << file("server.log");
  open();
  const PipelineRun run = wait(MUST(engine_->list_runs({}, {})).items.at(0).id);
  expect_ended_once(run);
}

TEST_F(EngineRecovery, ADocumentOfAnotherVersionFailsItsRun) {
  apply("kind: Pipeline\nname: p\nsteps: [{name: a, run: 'true'}]\n");
  const std::string id = start_run();
  MUST(database_->execute("update pipeline_runs set document = '{\"kind\":\"Pipeline\",\"name\":\"p\"}' where id = ?",
                          id));
  start();
  EXPECT_THAT(wait(id).error, HasSubstr("is not understood by this version"));
}

}  // namespace
}  // namespace millrace::pipelines
