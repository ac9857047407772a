#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

constexpr int kFiringsShown = 20;
using Row = std::vector<std::string>;

std::string cause_text(const Json& trigger) {
  auto subject = cell_or_empty(trigger, "subject");
  return cell(trigger, "cause") + (subject.empty() ? "" : " " + subject);
}

Result<void> list_triggers(const Options& options) {
  auto client = TRY(connect(options));
  auto page = TRY(client.get("/api/v1/triggers"));
  auto empty = fmt::format("no triggers yet: {}", kDeclareHint);
  print_page(
      options, page,
      {.columns =
           {{"NAME"}, {"ON"}, {"PIPELINE"}, {"ENABLED"}, {"COOLDOWN"}, {"STARTED", Align::kRight}, {"LAST"}, {"NEXT"}},
       .row =
           [](const Json& item) {
             return Row{cell(item, "name"),
                        cause_text(item),
                        cell(item, "pipeline"),
                        cell(item, "enabled"),
                        cell(item, "cooldown"),
                        cell(item, "started"),
                        short_time(item, "last_fired"),
                        short_time(item, "next")};
           },
       .empty = empty});
  return {};
}

void print_trigger(const Json& trigger, const Json& firings) {
  fmt::print("{}", fields_text({{"name", cell(trigger, "name")},
                                {"description", cell_or_empty(trigger, "description")},
                                {"on", cause_text(trigger)},
                                {"pipeline", cell(trigger, "pipeline")},
                                {"enabled", cell(trigger, "enabled")},
                                {"cooldown", cell(trigger, "cooldown")},
                                {"started", cell(trigger, "started")},
                                {"next", cell_or_empty(trigger, "next").empty() ? "" : short_time(trigger, "next")}}));
  if (firings.empty())
    fmt::print("\nIt has not fired yet; `millrace trigger fire {}` does it by hand.\n", cell(trigger, "name"));
  fmt::print(
      "{}", section("Newest firings",
                    table_of(firings, {{"EVENT TIME"}, {"STATUS"}, {"PIPELINE RUN"}, {"REASON"}}, [](const Json& item) {
                      auto error = cell_or_empty(item, "error");
                      return Row{short_time(item, "event_time"), cell(item, "status"), short_id(item, "pipeline_run"),
                                 error.empty() ? cell(item, "reason") : error};
                    })));
}

Result<void> show_trigger(const std::string& name, const Options& options) {
  auto client = TRY(connect(options));
  auto trigger = TRY(client.get(api::target("/api/v1/triggers/{}", name)));
  auto firings = TRY(fetch_page(client, api::target("/api/v1/triggers/{}/firings", name), kFiringsShown));
  if (options.json)
    print_json({{"trigger", trigger}, {"firings", firings["items"]}});
  else
    print_trigger(trigger, firings["items"]);
  return {};
}

Result<void> fire(const std::string& name, const std::vector<std::string>& params, const Options& options) {
  Json body{{"params", TRY(params_json(params))}};
  auto client = TRY(connect(options));
  auto firing = TRY(client.post(api::target("/api/v1/triggers/{}/fire", name), body));
  if (options.json) return print_json(firing), Result<void>{};
  auto error = cell_or_empty(firing, "error");
  if (!error.empty()) return fail(Code::kFailedPrecondition, "trigger {} started nothing: {}", name, error);
  auto run = cell_or_empty(firing, "pipeline_run");
  fmt::print("trigger {} fired: {}{}\n", name, cell(firing, "status"),
             run.empty() ? "" : "; see `millrace run show " + run.substr(0, 8) + "`");
  return {};
}

}  // namespace

void add_trigger(CLI::App& app, Options& options) {
  auto* noun = add_noun(app, "trigger", "Triggers: what starts a pipeline without a hand on it");
  noun->footer(
      "A trigger starts its pipeline on a schedule, on new data, on an alert, or by hand.\n"
      "Examples:\n  millrace trigger list\n  millrace trigger show on_drift\n  millrace trigger fire on_drift --param "
      "weeks=-28d");
  add_verb(noun, {"list", "Every trigger: when it fired, when it is next due", "millrace trigger list"}, options,
           [&options] { return list_triggers(options); });
  auto name = std::make_shared<std::string>();
  auto params = std::make_shared<std::vector<std::string>>();
  auto* show = add_verb(noun, {"show", "One trigger with its newest firings", "millrace trigger show on_drift"},
                        options, [name, &options] { return show_trigger(*name, options); });
  auto* by_hand = add_verb(
      noun,
      {"fire", "Start its pipeline now, whatever its cooldown", "millrace trigger fire on_drift --param weeks=-28d"},
      options, [name, params, &options] { return fire(*name, *params, options); });
  for (auto* command : {show, by_hand}) command->add_option("NAME", *name, "The trigger")->required();
  add_params(by_hand, *params);
}

}  // namespace millrace::cli
