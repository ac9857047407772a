#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/suggest.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "cli/run_log.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

constexpr std::size_t kIdLength = 32;
constexpr std::size_t kShortestPrefix = 4;
constexpr std::size_t kResultShown = 120;
using Row = std::vector<std::string>;

struct RunArguments {
  std::string pipeline;
  std::string id;
  std::string step;
  std::string status;
  std::vector<std::string> params;
  bool follow = false;
  std::shared_ptr<int> limit = std::make_shared<int>(50);
};

// A run by its id, the beginning of its id, or its number.
Result<Json> find_run(api::ApiClient& client, const std::string& text) {
  auto id = text;
  if (text.size() < kIdLength) {
    auto runs = TRY(client.list("/api/v1/pipeline-runs"));
    auto found = std::ranges::find_if(runs, [&](const Json& run) { return cell(run, "number") == text; });
    if (found == runs.end() && text.size() >= kShortestPrefix)
      found = std::ranges::find_if(runs, [&](const Json& run) { return cell(run, "id").starts_with(text); });
    if (found == runs.end()) return not_found("there is no pipeline run \"{}\"; `millrace run list` shows them", text);
    id = cell(*found, "id");
  }
  return client.get(api::target("/api/v1/pipeline-runs/{}", id));
}

std::string name_of(const Json& run) {
  return fmt::format("run {} of {} ({})", cell(run, "number"), cell(run, "pipeline"), short_id(run, "id"));
}

Result<void> start_run(const RunArguments& arguments, Options& options) {
  Json body{{"params", TRY(params_json(arguments.params))}};
  auto client = TRY(connect(options));
  auto run = TRY(client.post(api::target("/api/v1/pipelines/{}/runs", arguments.pipeline), body));
  auto id = cell(run, "id");
  if (!arguments.follow) {
    if (options.json)
      print_json(run);
    else
      fmt::print("{} started; `millrace run logs {} --follow` shows what it does\n", name_of(run), cell(run, "number"));
    return {};
  }
  if (options.json) {
    while (!is_finished(run)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(150));
      run = TRY(client.get(api::target("/api/v1/pipeline-runs/{}", id)));
    }
    print_json(run);
  } else {
    fmt::print("{} started\n", name_of(run));
    run = TRY(RunLog(client, id).follow());
    auto error = cell_or_empty(run, "error");
    fmt::print("{} {} after {}{}\n", name_of(run), cell(run, "status"), elapsed(run, "created", "finished"),
               error.empty() ? "" : ": " + error);
  }
  if (cell(run, "status") != "succeeded") options.exit_status = kRunFailed;
  return {};
}

Result<void> list_runs(const RunArguments& arguments, const Options& options) {
  auto client = TRY(connect(options));
  std::string target = "/api/v1/pipeline-runs";
  if (!arguments.pipeline.empty()) target += api::target("?pipeline={}", arguments.pipeline);
  if (!arguments.status.empty())
    target += (target.contains('?') ? "&" : "?") + api::target("status={}", arguments.status);
  auto page = TRY(fetch_page(client, target, *arguments.limit));
  print_page(
      options, page,
      {.columns = {{"RUN", Align::kRight},
                   {"ID"},
                   {"PIPELINE"},
                   {"STATUS"},
                   {"CAUSE"},
                   {"EVENT TIME"},
                   {"TOOK", Align::kRight},
                   {"ERROR"}},
       .row =
           [](const Json& item) {
             return Row{cell(item, "number"),
                        short_id(item, "id"),
                        cell(item, "pipeline"),
                        cell(item, "status"),
                        cell(item, "cause"),
                        short_time(item, "event_time"),
                        elapsed(item, "created", "finished"),
                        cell_or_empty(item, "error")};
           },
       .empty = "no such runs yet: `millrace run PIPELINE` starts one; `millrace pipeline list` shows the pipelines"});
  return {};
}

void print_run(const Json& run) {
  fmt::print("{}", fields_text({{"run", cell(run, "number")},
                                {"id", cell(run, "id")},
                                {"pipeline", cell(run, "pipeline")},
                                {"status", cell(run, "status")},
                                {"error", cell_or_empty(run, "error")},
                                {"cause", cell(run, "cause")},
                                {"event time", short_time(run, "event_time")},
                                {"params", cell_or_empty(run, "params")},
                                {"took", elapsed(run, "created", "finished")}}));
  auto steps = table_of(
      member(run, "steps"),
      {{"STEP"}, {"STATUS"}, {"ATTEMPTS", Align::kRight}, {"TOOK", Align::kRight}, {"CACHED FROM"}, {"RESULT"}},
      [](const Json& step) {
        auto error = cell_or_empty(step, "error");
        return Row{cell(step, "name"),
                   cell(step, "status"),
                   cell(step, "attempts"),
                   elapsed(step, "started", "finished"),
                   short_id(step, "cached_from"),
                   shortened(error.empty() ? cell_or_empty(step, "result") : error, kResultShown)};
      });
  fmt::print("{}", section("Steps", steps));
}

Result<void> show_run(const RunArguments& arguments, const Options& options) {
  auto client = TRY(connect(options));
  auto run = TRY(find_run(client, arguments.id));
  if (options.json)
    print_json(run);
  else
    print_run(run);
  return {};
}

Result<void> check_step(const Json& run, const std::string& step) {
  std::vector<std::string> names;
  for (const auto& known : member(run, "steps")) names.push_back(cell(known, "name"));
  if (std::ranges::find(names, step) != names.end()) return {};
  return not_found("{} has no step \"{}\"{}", name_of(run), step, did_you_mean(step, names));
}

Result<void> print_logs_json(api::ApiClient& client, const Json& run, const std::string& only) {
  auto out = Json::object();
  for (const auto& step : member(run, "steps")) {
    auto name = cell(step, "name");
    if (only.empty() || name == only)
      out[name] = TRY(client.get(api::target("/api/v1/pipeline-runs/{}/steps/{}/log", cell(run, "id"), name)));
  }
  return print_json(out), Result<void>{};
}

Result<void> show_logs(const RunArguments& arguments, const Options& options) {
  auto client = TRY(connect(options));
  auto run = TRY(find_run(client, arguments.id));
  if (!arguments.step.empty()) TRY(check_step(run, arguments.step));
  if (options.json) return print_logs_json(client, run, arguments.step);
  if (!arguments.step.empty())
    return print_step_log(client, cell(run, "id"), arguments.step, arguments.follow ? Until::kEnded : Until::kNow);
  RunLog log(client, cell(run, "id"));
  TRY(arguments.follow ? log.follow() : log.print_new());
  return {};
}

Result<void> cancel_run(const RunArguments& arguments, const Options& options) {
  auto client = TRY(connect(options));
  auto before = TRY(find_run(client, arguments.id));
  if (is_finished(before) && !options.json)
    return failed_precondition("{} has {} already", name_of(before), cell(before, "status"));
  auto run = TRY(client.post(api::target("/api/v1/pipeline-runs/{}/cancel", cell(before, "id")), Json::object()));
  if (options.json)
    print_json(run);
  else
    fmt::print("{} {}\n", name_of(run), is_finished(run) ? cell(run, "status") : "is being cancelled");
  return {};
}

using Arguments = std::shared_ptr<RunArguments>;

CLI::App* add_of_one_run(CLI::App* noun, const Verb& verb, const Arguments& arguments) {
  auto* command = add_verb(noun, verb);
  command->add_option("ID", arguments->id, "The run: its number, its id, or the beginning of its id")->required();
  return command;
}

void add_run_verbs(CLI::App* noun, const Arguments& arguments, Options& options) {
  auto* list = add_verb(noun, {"list", "Pipeline runs, the newest first", "millrace run list --status failed"}, options,
                        [arguments, &options] { return list_runs(*arguments, options); });
  list->add_option("--pipeline", arguments->pipeline, "Only runs of this pipeline")->type_name("NAME");
  list->add_option("--status", arguments->status, "Only runs that are queued, running, succeeded, failed or cancelled")
      ->type_name("STATUS");
  add_limit(list, arguments->limit);
  add_of_one_run(noun, {"show", "One run: its steps, how long they took, what came of them", "millrace run show 12"},
                 arguments)
      ->callback(guarded(options, [arguments, &options] { return show_run(*arguments, options); }));
  auto* logs = add_of_one_run(
      noun, {"logs", "What the steps of a run printed", "millrace run logs 12\nmillrace run logs 12 train --follow"},
      arguments);
  logs->callback(guarded(options, [arguments, &options] { return show_logs(*arguments, options); }));
  logs->add_option("STEP", arguments->step, "Only this step, without its name before each line");
  logs->add_flag("--follow,-f", arguments->follow, "Go on until it has ended");
  add_of_one_run(noun, {"cancel", "End a run; its running steps are stopped", "millrace run cancel 12"}, arguments)
      ->callback(guarded(options, [arguments, &options] { return cancel_run(*arguments, options); }));
}

}  // namespace

void add_run(CLI::App& app, Options& options) {
  auto* noun = app.add_subcommand("run", "Run a pipeline; list, show, follow and cancel runs");
  auto arguments = std::make_shared<RunArguments>();
  noun->require_subcommand(0, 1);
  // A word too many behind `run list` falls through to here.
  auto only_alone = [noun](const std::string& word) {
    if (!noun->get_subcommands().empty())
      throw CLI::ParseError(fmt::format("there is no place for \"{}\"", word), CLI::ExitCodes::ExtrasError);
    return std::string();
  };
  noun->add_option("PIPELINE", arguments->pipeline, "The pipeline to start")->check(CLI::Validator(only_alone, "", ""));
  add_params(noun, arguments->params);
  noun->add_flag("--follow,-f", arguments->follow,
                 "Show what its steps print until it has finished; exit status 4 where it fails");
  add_run_verbs(noun, arguments, options);
  noun->footer(
      "Examples:\n  millrace run retrain --param weeks=-28d --follow\n  millrace run list --status failed\n"
      "  millrace run show 12\n  millrace run logs 12 train --follow");
  noun->callback(guarded(options, [noun, arguments, &options]() -> Result<void> {
    if (!noun->get_subcommands().empty()) return {};
    if (!arguments->pipeline.empty()) return start_run(*arguments, options);
    throw CLI::RequiredError("PIPELINE, or one of list, show, logs and cancel,");
  }));
}

}  // namespace millrace::cli
