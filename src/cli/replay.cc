#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "cli/cli.h"
#include "cli/credentials.h"
#include "cli/replay/driver.h"
#include "cli/replay/history.h"
#include "cli/replay/memory.h"
#include "cli/replay/story.h"
#include "delivery/project_spec.h"

namespace millrace::cli {
namespace {

using Steady = std::chrono::steady_clock;

struct ReplayArguments {
  std::string file;
  std::string until;
  std::string report;
  std::string summary;
};

Result<delivery::ReplaySpec> read_spec(const ReplayArguments& arguments) {
  Diagnostics diagnostics;
  std::optional<delivery::ReplaySpec> spec;
  for (const auto& document : parse_yaml(TRY(read_file(arguments.file)), arguments.file, diagnostics))
    if (auto* kind = document.find("kind"); kind && kind->text == "Replay")
      spec = delivery::parse_replay(document, diagnostics);
  for (const auto& diagnostic : diagnostics.list) fmt::print(stderr, "{}\n", format_diagnostic(diagnostic));
  if (!spec) return invalid_argument("{} has no valid document of kind Replay", arguments.file);
  if (!arguments.until.empty()) spec->until = TRY(parse_time(arguments.until));
  return *spec;
}

// One line that is written over on a terminal; else a line a simulated week.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0), start_(Steady::now()) {}

  void show(const ReplayProgress& progress) {
    auto now = Steady::now();
    auto week = progress.now.us / std::chrono::microseconds(std::chrono::days(7)).count();
    if (quiet_ || (terminal_ ? now - shown_ < std::chrono::milliseconds(200) : week == week_)) return;
    auto seconds = std::chrono::duration<double>(now - shown_).count();
    auto rate = shown_ == Steady::time_point{} ? 0 : static_cast<double>(progress.predictions - predictions_) / seconds;
    auto loss = std::isfinite(progress.log_loss) ? fmt::format("{:.4f}", progress.log_loss) : std::string("-");
    auto line = fmt::format("{}  {:>9} predictions  {:>6.0f}/s  version {:>3}  log-loss {}  {:>4.0f} s",
                            format_time(progress.now).substr(0, 10), progress.predictions, rate,
                            progress.version.empty() ? "-" : "v" + progress.version, loss,
                            std::chrono::duration<double>(now - start_).count());
    fmt::print(stderr, "{}{}{}", terminal_ ? "\r\033[K" : "", line, terminal_ ? "" : "\n");
    shown_ = now, week_ = week, predictions_ = progress.predictions;
  }
  void end() const {
    if (terminal_ && !quiet_) fmt::print(stderr, "\n");
  }

 private:
  bool quiet_;
  bool terminal_;
  Steady::time_point start_, shown_;
  std::int64_t week_ = -1;
  std::int64_t predictions_ = 0;
};

Result<Story> replay(const ReplayArguments& arguments, const Options& options) {
  auto spec = TRY(read_spec(arguments));
  auto api = TRY(connect(options));
  auto status = TRY(api.get("/api/v1/status"));
  MemoryWatch memory(status.value("pid", 0));
  auto start = Steady::now();
  auto history = TRY(History::load(spec, std::filesystem::path(arguments.file).parent_path()));
  if (!options.json)
    fmt::print(stderr, "{} rows of history from {} to {}\n", history.size(), format_time(spec.from).substr(0, 10),
               format_time(spec.until).substr(0, 10));
  ProgressLine line(options.json);
  auto driver = TRY(ReplayDriver::open(options.server, client_options(options), spec, history,
                                       [&](const ReplayProgress& progress) { line.show(progress); }));
  TRY(driver->run());
  line.end();
  auto story = TRY(collect_story(api, spec));
  const auto& progress = driver->progress();
  story.predictions = progress.predictions, story.failures = progress.failures, story.retried = progress.retried;
  story.labels = progress.labels, story.batches = progress.batches;
  story.p50_seconds = driver->latency_quantile(0.5), story.p99_seconds = driver->latency_quantile(0.99);
  story.seconds = std::chrono::duration<double>(Steady::now() - start).count();
  story.peak_resident_bytes = memory.peak_bytes();
  if (!progress.first_failure.empty()) fmt::print(stderr, "first failure: {}\n", progress.first_failure);
  return story;
}

Result<void> run(const ReplayArguments& arguments, const Options& options) {
  auto story = TRY(replay(arguments, options));
  auto summary = dump_json_pretty(story_json(story)) + "\n";
  if (options.json)
    fmt::print("{}", summary);
  else
    fmt::print("{}", story_table(story));
  if (!arguments.summary.empty()) TRY(write_file(arguments.summary, summary));
  if (!arguments.report.empty()) TRY(write_file(arguments.report, story_report(story)));
  if (story.failures > 0) return fail(Code::kUnknown, "{} requests failed", story.failures);
  return {};
}

}  // namespace

void add_replay(CLI::App& app, Options& options) {
  auto* command = app.add_subcommand(
      "replay", "Let history happen: batches, requests and labels in event time, as an ordinary client of the API");
  auto arguments = std::make_shared<ReplayArguments>();
  command->add_option("FILE", arguments->file, "A YAML file with a document of kind Replay")->required()->type_name("");
  command->add_option("--until", arguments->until, "Stop at this event time")->type_name("TIME");
  command->add_option("--report", arguments->report, "Write an HTML report that opens offline")->type_name("FILE");
  command->add_option("--summary", arguments->summary, "Write the totals and the weeks as JSON")->type_name("FILE");
  command->footer(
      "Each day's rows arrive as a batch, requests when they were asked, labels when they became known, never "
      "earlier.\n"
      "Example:\n  millrace replay examples/flights/replay.yaml --report report.html");
  command->callback(guarded(options, [arguments, &options] { return run(*arguments, options); }));
}

}  // namespace millrace::cli
