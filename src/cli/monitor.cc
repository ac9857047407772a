#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

using Row = std::vector<std::string>;

Result<void> list_monitors(const Options& options) {
  auto client = TRY(connect(options));
  auto page = TRY(client.get("/api/v1/monitors"));
  auto empty = fmt::format("no monitors yet: {}", kDeclareHint);
  print_page(options, page,
             {.columns = {{"NAME"},
                          {"ENDPOINT"},
                          {"WINDOW"},
                          {"WINDOWS", Align::kRight},
                          {"ALERTS", Align::kRight},
                          {"NEWEST WINDOW"}},
              .row =
                  [](const Json& item) {
                    return Row{cell(item, "name"),          cell(item, "endpoint"),
                               cell(item, "window"),        cell(item, "windows"),
                               cell(item, "alerts_raised"), short_date(member(item, "newest_window"), "window_start")};
                  },
              .empty = empty});
  return {};
}

std::string versions_text(const Json& window) {
  std::string out;
  for (const auto& share : member(window, "versions")) out += (out.empty() ? "" : ", ") + version(share, "version");
  return out.empty() ? "-" : out;
}

const Json& live_metrics(const Json& window) {
  static const Json none;
  for (const auto& performance : member(window, "performance"))
    if (cell(performance, "column") == "prediction") return member(performance, "metrics");
  return none;
}

// Which alerts rose in a window that starts then.
std::string alerts_of(const Json& alerts, const std::string& window_start) {
  std::string out;
  for (const auto& alert : alerts)
    if (cell(alert, "window_start") == window_start) out += (out.empty() ? "" : ", ") + cell(alert, "alert");
  return out;
}

Table windows_table(const Json& windows, const Json& alerts, const Json& metrics) {
  std::vector<Column> columns{{"WINDOW"},
                              {"PREDICTIONS", Align::kRight},
                              {"LABELLED", Align::kRight},
                              {"POSITIVE", Align::kRight},
                              {"VERSION"}};
  for (const auto& metric : metrics) columns.push_back({cell(metric), Align::kRight});
  columns.insert(columns.end(), {{"DRIFTED", Align::kRight}, {"ALERTS"}});
  return table_of(windows, std::move(columns), [&](const Json& window) {
    Row row{short_date(window, "window_start"), cell(window, "predictions"), cell(window, "labelled"),
            decimal(member(window, "share_positive"), 3), versions_text(window)};
    for (const auto& metric : metrics) row.push_back(decimal(member(live_metrics(window), cell(metric)), 4));
    const auto& drift = member(window, "drift");
    auto all = member(drift, "columns").size();
    row.push_back(all == 0 ? "-" : fmt::format("{}/{}", cell(drift, "drifted_columns"), all));
    row.push_back(alerts_of(alerts, cell(window, "window_start")));
    return row;
  });
}

std::string condition_text(const Json& alert) {
  auto text = cell(alert, "when");
  for (auto key : {"above", "below", "above_reference", "below_reference"})
    if (!member(alert, key).is_null()) text += fmt::format(" {} {}", key, cell(alert, key));
  return text;
}

void print_monitor(const Json& monitor, const Json& windows, const Json& alerts) {
  fmt::print("{}", fields_text({{"name", cell(monitor, "name")},
                                {"description", cell_or_empty(monitor, "description")},
                                {"endpoint", cell(monitor, "endpoint")},
                                {"window", cell(monitor, "window")},
                                {"label wait", cell(monitor, "label_wait")},
                                {"drift", cell(monitor, "drift")}}));
  fmt::print("{}", section("Alerts that it watches for",
                           table_of(member(monitor, "alerts"), {{"NAME"}, {"WHEN"}}, [](const Json& alert) {
                             return Row{cell(alert, "name"), condition_text(alert)};
                           })));
  if (windows.empty())
    fmt::print("\nNo window yet: one closes when the clock reaches its end and the wait for labels.\n");
  fmt::print("{}",
             section("Windows", windows_table(windows, alerts, member(member(monitor, "performance"), "metrics"))));
  fmt::print("{}", section("Alerts", table_of(alerts, {{"EVENT TIME"}, {"ALERT"}, {"MESSAGE"}}, [](const Json& alert) {
                             return Row{short_time(alert, "event_time"), cell(alert, "alert"), cell(alert, "message")};
                           })));
}

// What drifted in the window that starts then, column by column.
Result<void> show_window(const Json& windows, const std::string& start, const Options& options) {
  auto moment = TRY(parse_time(start));
  for (const auto& window : windows) {
    if (parse_time(cell(window, "window_start")).value_or(Timestamp{}) != moment) continue;
    if (options.json) return print_json(window), Result<void>{};
    fmt::print("{}",
               fields_text({{"window", short_date(window, "window_start") + " to " + short_date(window, "window_end")},
                            {"predictions", cell(window, "predictions")},
                            {"labelled", cell(window, "labelled")},
                            {"version", versions_text(window)},
                            {"metrics", cell(live_metrics(window))},
                            {"at the gate", cell_or_empty(window, "reference_metrics")},
                            {"notes", cell_or_empty(window, "notes")}}));
    auto columns = table_of(member(member(window, "drift"), "columns"),
                            {{"COLUMN"},
                             {"METHOD"},
                             {"SCORE", Align::kRight},
                             {"THRESHOLD", Align::kRight},
                             {"DRIFTED"},
                             {"PSI", Align::kRight}},
                            [](const Json& column) {
                              return Row{cell(column, "name"),
                                         cell(column, "method"),
                                         decimal(member(column, "score"), 4),
                                         decimal(member(column, "threshold"), 4),
                                         cell(column, "drifted"),
                                         decimal(member(column, "psi"), 4)};
                            });
    fmt::print("{}", section("Drift against the training set", columns));
    return {};
  }
  return not_found("no window starts at {}; `millrace monitor show` lists them", start);
}

struct MonitorArguments {
  std::string name;
  std::string window;
};

// The windows and alerts in the order of time, as one reads a course of things.
Result<void> show_monitor(const MonitorArguments& arguments, const Options& options) {
  auto client = TRY(connect(options));
  auto monitor = TRY(client.get(api::target("/api/v1/monitors/{}", arguments.name)));
  auto windows = TRY(client.list(api::target("/api/v1/monitors/{}/windows", arguments.name)));
  if (!arguments.window.empty()) return show_window(windows, arguments.window, options);
  auto alerts = TRY(client.list(api::target("/api/v1/alerts?monitor={}", arguments.name)));
  std::ranges::reverse(windows);
  std::ranges::reverse(alerts);
  if (options.json)
    print_json({{"monitor", monitor}, {"windows", windows}, {"alerts", alerts}});
  else
    print_monitor(monitor, windows, alerts);
  return {};
}

}  // namespace

void add_monitor(CLI::App& app, Options& options) {
  auto* noun = add_noun(app, "monitor", "Monitors: drift and realized performance by windows of event time");
  noun->footer(
      "POSITIVE is the share of positive labels, DRIFTED how many of the columns drifted.\n"
      "Examples:\n  millrace monitor list\n  millrace monitor show delays_weekly\n  millrace monitor show "
      "delays_weekly --window 2001-03-05");
  add_verb(noun, {"list", "Every monitor with its newest window", "millrace monitor list"}, options,
           [&options] { return list_monitors(options); });
  auto arguments = std::make_shared<MonitorArguments>();
  auto* show =
      add_verb(noun,
               {"show", "One monitor: its windows and alerts in the order of time",
                "millrace monitor show delays_weekly\nmillrace monitor show delays_weekly --window 2001-03-05"},
               options, [arguments, &options] { return show_monitor(*arguments, options); });
  show->add_option("NAME", arguments->name, "The monitor")->required();
  show->add_option("--window", arguments->window, "Only the window that starts then, with the drift of each column")
      ->type_name("TIME");
}

}  // namespace millrace::cli
