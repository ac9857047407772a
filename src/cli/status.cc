#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

std::string project_text(const Json& status) {
  if (member(status, "project").is_null()) return "none yet: `millrace apply FOLDER` brings one";
  auto commit = cell_or_empty(status, "commit").substr(0, 12);
  return fmt::format("{}, release {}{}", cell(status, "project"), cell(status, "release"),
                     commit.empty() ? "" : " at commit " + commit);
}

std::string clock_text(const Json& clock) {
  auto mode = cell(clock, "mode");
  if (mode == "wall") return short_time(clock, "now") + " (the wall clock)";
  return short_time(clock, "now") + " (event time, moved by clients)";
}

std::string replica_state(const Json& replica) {
  const auto& problems = member(replica, "problems");
  if (member(replica, "draining") == true) return "draining";
  if (problems.empty()) return "";
  return fmt::format("{}{}", problems[0].get<std::string>(),
                     problems.size() > 1 ? fmt::format(" and {} more", problems.size() - 1) : "");
}

Table replicas_table(const Json& replicas) {
  return table_of(replicas, {{"NAME"}, {"ADDRESS"}, {"GENERATION", Align::kRight}, {"PROBLEM"}}, [](const Json& item) {
    return std::vector<std::string>{cell(item, "name"), cell(item, "address"), cell(item, "generation"),
                                    replica_state(item)};
  });
}

Result<void> show_status(const Options& options) {
  auto client = TRY(connect(options));
  auto status = TRY(client.get("/api/v1/status"));
  if (options.json) return print_json(status), Result<void>{};
  fmt::print("{}", fields_text({{"server", fmt::format("{}, version {}", options.server, cell(status, "version"))},
                                {"project", project_text(status)},
                                {"clock", clock_text(member(status, "clock"))},
                                {"datasets", fmt::format("{} with {} rows, {} quarantined", cell(status, "datasets"),
                                                         cell(status, "rows"), cell(status, "quarantined"))},
                                {"pipeline runs", cell(status, "active_pipeline_runs") + " active"},
                                {"settled", cell(status, "settled")},
                                {"memory", bytes(member(status, "resident_bytes"))}}));
  auto endpoints =
      table_of(member(status, "endpoints"), {{"NAME"}, {"VERSION"}, {"PREDICTIONS", Align::kRight}, {"PROBLEM"}},
               [](const Json& item) {
                 return std::vector<std::string>{cell(item, "name"), version(item, "version"),
                                                 cell(item, "predictions"), cell_or_empty(item, "problem")};
               });
  fmt::print("{}", section("Endpoints", endpoints));
  const auto replicas = TRY(client.get("/api/v1/replicas"));
  fmt::print("{}", section(fmt::format("Replicas (the server serves generation {})", cell(replicas, "generation")),
                           replicas_table(member(replicas, "items"))));
  return {};
}

}  // namespace

void add_status(CLI::App& app, Options& options) {
  auto* command = app.add_subcommand("status", "What the server holds and does: project, clock, data, endpoints");
  command->footer(
      "\"settled\" is yes when nothing is left to do for all that has happened up to the clock's time.\n"
      "Examples:\n  millrace status\n  millrace status --json | jq .clock.now");
  command->callback(guarded(options, [&options] { return show_status(options); }));
}

}  // namespace millrace::cli
