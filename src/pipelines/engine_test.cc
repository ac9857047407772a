#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/files.h"
#include "events/event.h"
#include "lineage/graph.h"
#include "pipelines/pipelines.h"
#include "proc/proc.h"

namespace millrace::pipelines {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::vector<BuiltinStep> kBuiltins = {
    {.name = "make",
     .inputs = {{"data", false}},
     .outputs = {"made"},
     .with = {{.name = "text"}},
     .uses_event_time = false},
    {.name = "timely", .outputs = {"made"}, .with = {{.name = "text"}}},
    {.name = "gate", .inputs = {{"made"}}, .outputs = {}, .side_effects = true},
};

// Stands for `millrace step NAME`: writes its name and the context's text value.
constexpr const char* kProgram = R"(#!/bin/sh
test "$1" = step || exit 9
echo "step $2"
echo "$2" >> "$COUNTS"
case "$2" in
  gate) printf '{"passed": false, "metrics": {"log_loss": 0.25}}' > result.json ;;
  *) cp "$MILLRACE_STEP_CONTEXT" outputs/made ;;
esac
)";

// A fresh folder, or one that another process made.
class Home {
 public:
  explicit Home(const char* given) {
    if (given != nullptr) {
      path_ = given;
    } else {
      path_ = own_.emplace().path();
    }
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::optional<TemporaryDirectory> own_;
  std::filesystem::path path_;
};

// A server's worth of parts over one home folder; can be dropped and opened again.
class EngineTest : public testing::Test {
 protected:
  explicit EngineTest(const char* home = nullptr) : home_(home) {
    MUST(make_directories(project()));
    MUST(write_file(home_.path() / "millrace", kProgram));
    std::filesystem::permissions(home_.path() / "millrace", std::filesystem::perms::owner_all);
    open();
  }
  ~EngineTest() override { close(); }

  void open() {
    close();
    database_ = MUST(db::Database::open(home_.path() / "millrace.db"));
    events_ = MUST(events::Log::open(*database_));
    lineage_ = MUST(lineage::Store::open(*database_));
    blobs_ = MUST(blob::open_local(home_.path() / "artifacts"));
    queue_ = MUST(jobs::Queue::open(*database_, clock_, {.log_directory = home_.path() / "logs", .concurrency = 4}));
    EngineOptions options{.work_directory = home_.path() / "work",
                          .program = (home_.path() / "millrace").string(),
                          .build_id = build_,
                          .builtins = kBuiltins,
                          .resolver = [this](const InputRef& ref) { return resolve(ref); },
                          .server_url = [] { return "http://127.0.0.1:8080"; }};
    engine_ = MUST(Engine::open({*database_, *events_, *lineage_, *blobs_, *queue_, clock_, ids_}, std::move(options)));
  }
  // What a kill does, as far as a process can do it to itself: the children die, nothing more is written.
  void close() {
    engine_.reset();
    queue_.reset();
    blobs_.reset();
    lineage_.reset();
    events_.reset();
    database_.reset();
  }
  void start() {
    MUST(engine_->start());
    MUST(queue_->start());
  }
  void reopen(const std::string& pipeline) {
    open();
    apply(pipeline);
    start();
  }

  Result<ResolvedInput> resolve(const InputRef& ref) {
    if (ref.name == "absent") return not_found("{} {} does not exist", kind_name(ref.kind), ref.name);
    const std::string version = std::to_string(version_.load());
    return ResolvedInput{.uri = ref.name + "/" + version,
                         .path = "/data/" + ref.name,
                         .version = version,
                         .hash = "hash" + version,
                         .artifact = fmt::format("{}:{}/{}", kind_name(ref.kind), ref.name, version)};
  }

  std::filesystem::path project() const { return home_.path() / "project"; }

  void apply(const std::string& text) {
    Diagnostics diagnostics;
    std::vector<PipelineSpec> specs;
    for (const Node& node : parse_yaml(text, "p.yaml", diagnostics)) {
      if (auto spec = parse_pipeline(node, kBuiltins, diagnostics)) specs.push_back(std::move(*spec));
    }
    for (const Diagnostic& fault : diagnostics.list) ADD_FAILURE() << format_diagnostic(fault);
    engine_->apply(std::move(specs), {.name = "flights", .directory = project()});
  }

  std::string start_run(const std::string& key = "", std::map<std::string, std::string> params = {},
                        const std::string& time = "2001-03-01") {
    return MUST(engine_->start_run({.pipeline = "p",
                                    .params = std::move(params),
                                    .key = key,
                                    .event_time = MUST(parse_time(time)),
                                    .cause = "manual"}));
  }
  PipelineRun wait(const std::string& id) {
    for (int i = 0; i < 12000; ++i) {
      const PipelineRun run = MUST(engine_->find_run(id));
      if (is_finished(run.status)) return run;
      std::this_thread::sleep_for(milliseconds(5));
    }
    ADD_FAILURE() << "run " << id << " does not end";
    return {};
  }
  PipelineRun run(std::map<std::string, std::string> params = {}, const std::string& time = "2001-03-01") {
    return wait(start_run("", std::move(params), time));
  }
  // Applies, starts everything, runs once.
  PipelineRun run_once(const std::string& pipeline) {
    apply(pipeline);
    start();
    return run();
  }

  std::string file(const std::string& name) { return read_file(home_.path() / name).value_or(""); }
  std::string wait_for_file(const std::string& name) {
    for (int i = 0; i < 12000 && file(name).empty(); ++i) std::this_thread::sleep_for(milliseconds(5));
    EXPECT_NE(file(name), "") << name;
    return file(name);
  }
  std::string output(const PipelineRun& run, const std::string& step, const std::string& name) {
    return MUST(read_file(MUST(blobs_->local_path(find(run, step).outputs.at(name).uri))));
  }
  static const StepRun& find(const PipelineRun& run, const std::string& step) {
    return *std::ranges::find(run.steps, step, &StepRun::name);
  }
  static std::vector<StepStatus> statuses(const PipelineRun& run) {
    std::vector<StepStatus> all;
    for (const StepRun& step : run.steps) all.push_back(step.status);
    return all;
  }
  std::vector<std::string> event_lines() {
    std::vector<std::string> lines;
    for (const events::Event& event : MUST(events_->list(0, 1000))) {
      std::string line = event.type.substr(event.type.find('.') + 1);
      if (event.data.contains("step")) line += " " + event.data["step"].get<std::string>();
      lines.push_back(line + " " + event.data["status"].get<std::string>());
    }
    return lines;
  }
  // Of a run of long_chain().
  void expect_ended_once(const PipelineRun& run) {
    EXPECT_EQ(run.status, RunStatus::kSucceeded) << run.error;
    EXPECT_EQ(output(run, "s5", "o"), "5\n");
    std::vector<std::string> lines = event_lines();
    EXPECT_EQ(std::ranges::count(lines, "started running"), 1);
    EXPECT_EQ(std::ranges::count(lines, "finished succeeded"), 1);
    for (int i = 0; i < 6; ++i) EXPECT_EQ(std::ranges::count(lines, fmt::format("step s{} succeeded", i)), 1);
  }
  std::string text(const std::string& shell) {  // $HOME_DIR is the home folder
    std::string result = shell;
    for (std::size_t at = 0; (at = result.find("$HOME_DIR", at)) != std::string::npos;) {
      result.replace(at, 9, home_.path().string());
    }
    return result;
  }

  Home home_;
  WallClock clock_;
  SeededIds ids_;
  std::atomic<int> version_{1};
  std::string build_ = "build1";
  std::unique_ptr<db::Database> database_;
  std::unique_ptr<events::Log> events_;
  std::unique_ptr<lineage::Store> lineage_;
  std::unique_ptr<blob::Store> blobs_;
  std::unique_ptr<jobs::Queue> queue_;
  std::unique_ptr<Engine> engine_;
};

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
  for (const lineage::Node& node : MUST(lineage_->upstream("output:" + run.id + "/second/all")).nodes) {
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

TEST_F(EngineTest, ARunGoesOnWhereItStopped) {
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

TEST_F(EngineTest, ARunKeepsThePipelineItStartedWith) {
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

TEST_F(EngineTest, AStepWhoseJobWasNeverSubmittedIsSubmitted) {
  apply("kind: Pipeline\nname: p\nsteps: [{name: a, run: 'true'}]\n");
  const std::string id = start_run();
  // As a server leaves it that died between the step's row and the job's.
  MUST(database_->execute("update pipeline_runs set status = 'running' where id = ?", id));
  MUST(database_->execute("update pipeline_steps set status = 'running' where run = ?", id));
  start();
  EXPECT_EQ(wait(id).status, RunStatus::kSucceeded);
}

TEST_F(EngineTest, AJobThatEndedUnseenIsSettled) {
  apply(text(kThree));
  MUST(write_file(home_.path() / "go", "x"));
  start();
  const PipelineRun whole = run();
  // As a server leaves it that died between the job's row and the step's.
  MUST(database_->execute("update pipeline_runs set status = 'running', finished_us = null where id = ?", whole.id));
  MUST(database_->execute("update pipeline_steps set status = 'running', outputs = '{}' where run = ? and name = 'c'",
                          whole.id));
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

TEST_F(EngineTest, DroppedAtAnyMomentARunEndsOnce) {
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

TEST_F(EngineTest, KilledAtAnyMomentARunEndsOnce) {
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

TEST_F(EngineTest, ADocumentOfAnotherVersionFailsItsRun) {
  apply("kind: Pipeline\nname: p\nsteps: [{name: a, run: 'true'}]\n");
  const std::string id = start_run();
  MUST(database_->execute("update pipeline_runs set document = '{\"kind\":\"Pipeline\",\"name\":\"p\"}' where id = ?",
                          id));
  start();
  EXPECT_THAT(wait(id).error, HasSubstr("is not understood by this version"));
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
