#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "base/files.h"
#include "db/testing.h"
#include "events/event.h"
#include "pipelines/pipelines.h"

// For the tests of the engine: a server's worth of real parts.
namespace millrace::pipelines {

inline const std::vector<BuiltinStep> kTestBuiltins = {
    {.name = "make",
     .inputs = {{"data", false}},
     .outputs = {"made"},
     .with = {{.name = "text"}},
     .uses_event_time = false},
    {.name = "timely", .outputs = {"made"}, .with = {{.name = "text"}}},
    {.name = "gate", .inputs = {{"made"}}, .outputs = {}, .side_effects = true},
};

// Stands for `millrace step NAME`: writes its name and the context's text value.
inline constexpr const char* kStepProgram = R"(#!/bin/sh
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
    MUST(write_file(home_.path() / "millrace", kStepProgram));
    std::filesystem::permissions(home_.path() / "millrace", std::filesystem::perms::owner_all);
    open();
  }
  ~EngineTest() override { close(); }

  void open() {
    close();
    database_ = db::open_for_test(home_.path());
    events_ = MUST(events::Log::open(*database_));
    lineage_ = MUST(lineage::Store::open(*database_));
    blobs_ = MUST(blob::open_local(home_.path() / "artifacts"));
    queue_ = MUST(jobs::Queue::open(*database_, clock_, {.log_directory = home_.path() / "logs", .concurrency = 4}));
    EngineOptions options{.work_directory = home_.path() / "work",
                          .program = (home_.path() / "millrace").string(),
                          .build_id = build_,
                          .builtins = kTestBuiltins,
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
      if (auto spec = parse_pipeline(node, kTestBuiltins, diagnostics)) specs.push_back(std::move(*spec));
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
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
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
    for (int i = 0; i < 12000 && file(name).empty(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
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

}  // namespace millrace::pipelines
