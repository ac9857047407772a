#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "lineage/graph.h"
#include "pipelines/engine_fixture.h"

namespace millrace::pipelines {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using enum StepStatus;

constexpr const char* kChain = R"(kind: Pipeline
name: p
params: {word: hello, times: 2}
steps:
  - name: first
    run: |
      echo "log of first"
      for i in $(seq $MILLRACE_PARAM_TIMES); do echo "$MILLRACE_PARAM_WORD $MILLRACE_INPUT_DATA" >> "$MILLRACE_OUTPUT_TEXT"; done
      mkdir "$MILLRACE_OUTPUT_FOLDER" && echo deep > "$MILLRACE_OUTPUT_FOLDER/file"
    inputs: {data: dataset:flights}
    outputs: [text, folder]
    with: {word: "${params.word}", times: "${params.times}"}
  - name: second
    run: cat "$MILLRACE_INPUT_TEXT" "$MILLRACE_INPUT_FOLDER/file" project.txt > "$MILLRACE_OUTPUT_ALL"
    inputs: {text: first.text, folder: first.folder}
    outputs: [all]
)";

TEST_F(EngineTest, RunsStepsInOrderAndHandsOutputsOn) {
  MUST(write_file(project() / "project.txt", "from the project\n"));
  const PipelineRun run = run_once(kChain);
  EXPECT_EQ(run.status, RunStatus::kSucceeded) << run.error;
  EXPECT_EQ(output(run, "second", "all"), "hello /data/flights\nhello /data/flights\ndeep\nfrom the project\n");
  const StepRun& first = find(run, "first");
  EXPECT_EQ(first.inputs.at("data").hash, "hash1");
  EXPECT_EQ(first.outputs.at("text").uri, "artifacts:pipelines/" + run.id + "/first/text");
  EXPECT_EQ(first.outputs.at("text").hash.size(), 64U);
  EXPECT_EQ(first.attempts, 1);
  EXPECT_EQ(MUST(engine_->read_log(run.id, "first", 0)).bytes, "log of first\n");
  EXPECT_TRUE(std::filesystem::is_empty(home_.path() / "work"));
}

TEST_F(EngineTest, EventsAndLineageTellTheStory) {
  MUST(write_file(project() / "project.txt", "x"));
  const PipelineRun run = run_once(kChain);
  EXPECT_THAT(event_lines(), ElementsAre("started running", "step first running", "step first succeeded",
                                         "step second running", "step second succeeded", "finished succeeded"));
  std::vector<std::string> nodes;
  for (const lineage::Node& node :
       MUST(lineage_->walk("output:" + run.id + "/second/all", lineage::Direction::kUpstream)).nodes) {
    nodes.push_back(node.id);
  }
  EXPECT_THAT(nodes,
              testing::UnorderedElementsAre("output:" + run.id + "/second/all", "step:" + run.id + "/second",
                                            "output:" + run.id + "/first/folder", "output:" + run.id + "/first/text",
                                            "step:" + run.id + "/first", "dataset:flights/1"));
}

TEST_F(EngineTest, ParamsOverrideDefaultsAndAreChecked) {
  MUST(write_file(project() / "project.txt", ""));
  apply(kChain);
  start();
  const PipelineRun run = this->run({{"word", "\"bye; now\""}, {"times", "1"}});
  EXPECT_EQ(output(run, "second", "all"), "bye; now /data/flights\ndeep\n");
  EXPECT_EQ(run.params.at("times"), "1");

  const auto message = [&](std::map<std::string, std::string> params) {
    return engine_->start_run({.pipeline = "p", .params = std::move(params)}).error().message;
  };
  EXPECT_EQ(message({{"wort", "1"}}), "pipeline p has no param \"wort\"; did you mean \"word\"?");
  EXPECT_EQ(message({{"times", "\"two\""}}), "param times must be a number, not a string");
  EXPECT_EQ(engine_->start_run({.pipeline = "q"}).error().code, Code::kNotFound);
}

TEST_F(EngineTest, OneKeyIsOneRun) {
  apply("kind: Pipeline\nname: p\nsteps: [{name: a, run: 'true'}]\n");
  start();
  const std::string id = start_run("monday");
  EXPECT_EQ(start_run("monday"), id);
  wait(id);
  EXPECT_EQ(start_run("monday"), id);
  EXPECT_NE(start_run("tuesday"), id);
  EXPECT_NE(start_run(), start_run());
}

TEST_F(EngineTest, BuiltinsRunAsStepsOfTheProgram) {
  setenv("COUNTS", (home_.path() / "counts").c_str(), 1);
  const PipelineRun run = run_once(R"(kind: Pipeline
name: p
steps:
  - {name: m, uses: make, inputs: {data: "model:delays@champion"}, with: {text: "at ${event_time}"}}
  - {name: g, uses: gate, inputs: {made: m.made}}
)");
  ASSERT_EQ(run.status, RunStatus::kSucceeded) << run.error;
  const StepContext context = MUST(parse_step_context(output(run, "m", "made")));
  EXPECT_EQ(context.pipeline_run_id, run.id);
  EXPECT_EQ(context.server, "http://127.0.0.1:8080");
  EXPECT_EQ(context.project, "flights");
  EXPECT_EQ(context.params.at("text"), "\"at 2001-03-01T00:00:00Z\"");
  EXPECT_EQ(context.inputs.at("data").version, "1");
  EXPECT_EQ(find(run, "g").result, R"({"passed":false,"metrics":{"log_loss":0.25}})");
  EXPECT_EQ(MUST(engine_->read_log(run.id, "g", 0)).bytes, "step gate\n");
}

TEST_F(EngineTest, ResultsAreReusedByContent) {
  setenv("COUNTS", (home_.path() / "counts").c_str(), 1);
  const std::string pipeline = R"(kind: Pipeline
name: p
params: {text: a}
steps:
  - {name: m, uses: make, inputs: {data: dataset:flights}, with: {text: "${params.text}"}}
  - {name: t, uses: timely}
  - {name: n, uses: make, cache: false}
  - {name: g, uses: gate, inputs: {made: m.made}}
)";
  const PipelineRun first = run_once(pipeline);
  const auto executed = [&] {
    std::string counts = file("counts");
    MUST(write_file(home_.path() / "counts", ""));
    return std::ranges::count(counts, '\n');
  };
  EXPECT_EQ(executed(), 4);

  const PipelineRun same = run();
  EXPECT_EQ(same.status, RunStatus::kSucceeded);
  EXPECT_EQ(executed(), 2) << "the gate has side effects, n is not to be cached";
  EXPECT_EQ(find(same, "m").cached_from, first.id);
  EXPECT_EQ(find(same, "t").cached_from, first.id);
  EXPECT_EQ(find(same, "g").cached_from, "");
  EXPECT_EQ(find(same, "m").outputs.at("made").uri, find(first, "m").outputs.at("made").uri);

  run({}, "2001-03-02");
  EXPECT_EQ(executed(), 3) << "t depends on the event time";
  run({{"text", "\"b\""}});
  EXPECT_EQ(executed(), 3) << "m has another value";
  version_ = 2;
  run();
  EXPECT_EQ(executed(), 3) << "m has another dataset version";
  version_ = 1;
  run();
  EXPECT_EQ(executed(), 2) << "all as the first time";

  MUST(blobs_->remove(find(first, "m").outputs.at("made").uri));
  run();
  EXPECT_EQ(executed(), 3) << "the result is gone";
  build_ = "build2";
  reopen(pipeline);
  run();
  EXPECT_EQ(executed(), 4) << "another build of the built-ins";
}

TEST_F(EngineTest, ACommandsCodeIsPartOfItsKey) {
  MUST(write_file(project() / "a.sh", "echo one > $MILLRACE_OUTPUT_O"));
  MUST(write_file(project() / "other.txt", "1"));
  const std::string pipeline = R"(kind: Pipeline
name: p
steps:
  - {name: narrow, run: sh a.sh, outputs: [o], code: a.sh}
  - {name: wide, run: sh a.sh, outputs: [o]}
)";
  run_once(pipeline);
  const auto reused = [&] {
    reopen(pipeline);  // the folder of a project never changes under a running server
    const PipelineRun again = run();
    return std::pair(!find(again, "narrow").cached_from.empty(), !find(again, "wide").cached_from.empty());
  };
  EXPECT_EQ(reused(), std::pair(true, true));
  MUST(write_file(project() / "other.txt", "2"));
  EXPECT_EQ(reused(), std::pair(true, false));
  MUST(write_file(project() / "a.sh", "echo two > $MILLRACE_OUTPUT_O"));
  EXPECT_EQ(reused(), std::pair(false, false));
}

TEST_F(EngineTest, AFailureSkipsWhatFollowsAfterWhatRunsHasEnded) {
  const PipelineRun run = run_once(text(R"(kind: Pipeline
name: p
steps:
  - {name: slow, run: "while ! test -e $HOME_DIR/go; do sleep 0.01; done", outputs: []}
  - {name: bad, run: "touch $HOME_DIR/go; exit 4"}
  - {name: after_bad, run: "true", needs: [bad]}
  - {name: after_slow, run: "true", needs: [slow]}
)"));
  EXPECT_EQ(run.status, RunStatus::kFailed);
  EXPECT_EQ(run.error, "step bad: exit status 4");
  EXPECT_EQ(find(run, "slow").status, kSucceeded);
  EXPECT_EQ(find(run, "bad").status, kFailed);
  EXPECT_EQ(find(run, "after_bad").status, kSkipped);
}

TEST_F(EngineTest, StepsWithoutADependencyRunSideBySide) {
  const PipelineRun run = run_once(text(R"(kind: Pipeline
name: p
steps:
  - {name: a, run: "touch $HOME_DIR/a; while ! test -e $HOME_DIR/b; do sleep 0.01; done", timeout: 60s}
  - {name: b, run: "touch $HOME_DIR/b; while ! test -e $HOME_DIR/a; do sleep 0.01; done", timeout: 60s}
)"));
  EXPECT_EQ(run.status, RunStatus::kSucceeded);
}

TEST_F(EngineTest, ParallelLimitsARun) {
  const std::string command = "mkdir $HOME_DIR/lock && sleep 0.03 && rmdir $HOME_DIR/lock";
  const PipelineRun run =
      run_once(text("kind: Pipeline\nname: p\nparallel: 1\nsteps:\n  - {name: a, run: " + command +
                    "}\n  - {name: b, run: " + command + "}\n  - {name: c, run: " + command + "}\n"));
  EXPECT_EQ(run.status, RunStatus::kSucceeded) << run.error;
}

TEST_F(EngineTest, AStepIsTriedAgain) {
  const PipelineRun run = run_once(text(R"(kind: Pipeline
name: p
steps: [{name: a, run: "echo x >> $HOME_DIR/tries; test $(wc -l < $HOME_DIR/tries) -eq 2", retries: 2}]
)"));
  EXPECT_EQ(run.status, RunStatus::kSucceeded);
  EXPECT_EQ(find(run, "a").attempts, 2);
}

TEST_F(EngineTest, ATimeOutFailsTheStep) {
  const PipelineRun run = run_once("kind: Pipeline\nname: p\nsteps: [{name: a, run: sleep 600, timeout: 100ms}]\n");
  EXPECT_EQ(run.status, RunStatus::kFailed);
  EXPECT_EQ(run.error, "step a: timed out after 100ms");
}

TEST_F(EngineTest, AMissingOutputFailsTheStep) {
  const PipelineRun run = run_once("kind: Pipeline\nname: p\nsteps: [{name: a, run: 'true', outputs: [o]}]\n");
  EXPECT_EQ(run.error, "step a: step a ended without its output \"o\"");
}

TEST_F(EngineTest, ABadResultFailsTheStep) {
  const PipelineRun run = run_once(
      "kind: Pipeline\nname: p\nsteps: [{name: a, run: 'echo no > $(dirname $MILLRACE_STEP_CONTEXT)/result.json'}]\n");
  EXPECT_THAT(run.error, HasSubstr("step a: result.json is not JSON"));
}

TEST_F(EngineTest, AValueThatAShellWouldReadFailsTheStep) {
  apply(
      "kind: Pipeline\nname: p\nparams: {x: a}\nsteps: [{name: a, run: 'echo ${params.x}'}, {name: b, run: 'true', "
      "needs: [a]}]\n");
  start();
  const PipelineRun run = this->run({{"x", "\"a; touch b\""}});
  EXPECT_EQ(run.status, RunStatus::kFailed);
  EXPECT_THAT(run.error, HasSubstr("more than a word"));
  EXPECT_THAT(statuses(run), ElementsAre(kFailed, kSkipped));
}

TEST_F(EngineTest, AnInputThatIsNotThereFailsTheRun) {
  const PipelineRun run =
      run_once("kind: Pipeline\nname: p\nsteps: [{name: a, run: 'true', inputs: {d: dataset:absent}}]\n");
  EXPECT_EQ(run.status, RunStatus::kFailed);
  EXPECT_EQ(run.error, "input d of step a: dataset absent does not exist");
  EXPECT_THAT(statuses(run), ElementsAre(kSkipped));
  EXPECT_THAT(event_lines(), ElementsAre("started running", "finished failed"));
}

TEST_F(EngineTest, AnOptionalModelMayBeAbsent) {
  const PipelineRun run = run_once(
      "kind: Pipeline\nname: p\nsteps: [{name: a, run: 'test -z \"$MILLRACE_INPUT_M\"', inputs: {m: "
      "'model:absent@champion?'}}]\n");
  EXPECT_EQ(run.status, RunStatus::kSucceeded) << run.error;
}

TEST_F(EngineTest, FilesOfTheProjectAreInputs) {
  MUST(write_file(project() / "notes.md", "noted"));
  const PipelineRun run = run_once(R"(kind: Pipeline
name: p
steps: [{name: a, run: 'cp $MILLRACE_INPUT_N $MILLRACE_OUTPUT_O', inputs: {n: file:notes.md}, outputs: [o]}]
)");
  EXPECT_EQ(output(run, "a", "o"), "noted");
}

TEST_F(EngineTest, InputsArePinnedWhenTheRunBegins) {
  apply(text(R"(kind: Pipeline
name: p
steps:
  - {name: a, run: "echo x > $HOME_DIR/ready; while ! test -e $HOME_DIR/go; do sleep 0.01; done", inputs: {d: dataset:flights}}
  - {name: b, run: "true", inputs: {d: dataset:flights}, needs: [a]}
)"));
  start();
  const std::string id = start_run();
  wait_for_file("ready");
  version_ = 2;
  MUST(write_file(home_.path() / "go", ""));
  const PipelineRun run = wait(id);
  EXPECT_EQ(find(run, "b").inputs.at("d").version, "1");
}

TEST_F(EngineTest, OneRunAtATimeInOrder) {
  apply(text(
      "kind: Pipeline\nname: p\nparams: {n: 0}\nsteps: [{name: a, run: 'mkdir $HOME_DIR/lock && echo ${params.n} >> "
      "$HOME_DIR/order && rmdir $HOME_DIR/lock'}]\n"));
  start();
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(start_run("", {{"n", std::to_string(i)}}));
  for (const std::string& id : ids) EXPECT_EQ(wait(id).status, RunStatus::kSucceeded);
  EXPECT_EQ(file("order"), "0\n1\n2\n3\n4\n");
}

TEST_F(EngineTest, ConcurrencyLetsRunsOverlap) {
  apply(
      text("kind: Pipeline\nname: p\nconcurrency: 2\nparams: {me: a, other: b}\nsteps: [{name: a, run: 'touch "
           "$HOME_DIR/${params.me}; "
           "while ! test -e $HOME_DIR/${params.other}; do sleep 0.01; done', timeout: 60s}]\n"));
  start();
  const std::string a = start_run("", {{"me", "\"a\""}, {"other", "\"b\""}});
  const std::string b = start_run("", {{"me", "\"b\""}, {"other", "\"a\""}});
  EXPECT_EQ(wait(a).status, RunStatus::kSucceeded);
  EXPECT_EQ(wait(b).status, RunStatus::kSucceeded);
}

TEST_F(EngineTest, ARunningRunIsCancelled) {
  apply(
      text("kind: Pipeline\nname: p\nsteps: [{name: a, run: 'echo x > $HOME_DIR/ready; exec sleep 600'}, {name: b, "
           "run: 'true', "
           "needs: [a]}]\n"));
  start();
  const std::string id = start_run();
  wait_for_file("ready");
  MUST(engine_->cancel_run(id));
  const PipelineRun run = wait(id);
  EXPECT_EQ(run.status, RunStatus::kCancelled);
  EXPECT_THAT(statuses(run), ElementsAre(kCancelled, kCancelled));
  EXPECT_TRUE(engine_->cancel_run(id));
  EXPECT_EQ(engine_->cancel_run("nothing").error().code, Code::kNotFound);
}

TEST_F(EngineTest, AQueuedRunIsCancelledWithoutRunning) {
  apply(
      text("kind: Pipeline\nname: p\nsteps: [{name: a, run: 'echo x >> $HOME_DIR/runs; while ! test -e $HOME_DIR/go; "
           "do sleep 0.01; "
           "done'}]\n"));
  start();
  const std::string first = start_run();
  const std::string second = start_run();
  wait_for_file("runs");
  MUST(engine_->cancel_run(second));
  MUST(write_file(home_.path() / "go", ""));
  EXPECT_EQ(wait(first).status, RunStatus::kSucceeded);
  EXPECT_EQ(wait(second).status, RunStatus::kCancelled);
  EXPECT_EQ(file("runs"), "x\n");
}

TEST_F(EngineTest, ActiveCountsFromTheRowToTheEnd) {
  apply("kind: Pipeline\nname: p\nsteps: [{name: a, run: 'true'}]\n");
  EXPECT_EQ(MUST(engine_->active()), 0);
  const std::string id = start_run();
  EXPECT_EQ(MUST(engine_->active()), 1);
  start();
  wait(id);
  EXPECT_EQ(MUST(engine_->active()), 0);
}

TEST_F(EngineTest, IdleIsExact) {
  // Each finished run starts the next one through an event, five times.
  apply("kind: Pipeline\nname: p\nsteps: [{name: a, run: 'true', cache: false}]\n");
  MUST(events_->subscribe("chain", {"pipeline_run.finished"}, [this](const events::Event& event) -> Result<void> {
    if (event.id > 16) return {};
    TRY(engine_->start_run({.pipeline = "p", .key = fmt::format("after {}", event.id), .cause = "chain"}));
    return {};
  }));
  events_->start();
  start();
  start_run();
  const auto idle = [&] {
    const std::int64_t newest = events_->newest();
    return events_->idle() && MUST(engine_->active()) == 0 && events_->newest() == newest;
  };
  while (!idle()) std::this_thread::yield();
  EXPECT_EQ(MUST(engine_->list_runs({}, {})).items.size(), 5U);
  EXPECT_EQ(events_->newest(), 20);
  events_->stop();
}

TEST_F(EngineTest, ListsRunsTheNewestFirst) {
  apply(
      "kind: Pipeline\nname: p\nsteps: [{name: a, run: 'true'}]\n---\nkind: Pipeline\nname: q\nsteps: [{name: a, run: "
      "'true'}]\n");
  for (int i = 0; i < 3; ++i) start_run();
  MUST(engine_->start_run({.pipeline = "q"}));
  const Page<PipelineRun> page = MUST(engine_->list_runs({.pipeline = "p"}, {.limit = 2}));
  ASSERT_EQ(page.items.size(), 2U);
  EXPECT_EQ(page.items[0].number, 3);
  const Page<PipelineRun> rest = MUST(engine_->list_runs({.pipeline = "p"}, {.limit = 2, .after = page.next}));
  ASSERT_EQ(rest.items.size(), 1U);
  EXPECT_EQ(rest.items[0].number, 1);
  EXPECT_THAT(MUST(engine_->list_runs({.status = RunStatus::kFailed}, {})).items, IsEmpty());
  EXPECT_EQ(engine_->list_pipelines().size(), 2U);
}

}  // namespace
}  // namespace millrace::pipelines
