#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

struct EventArguments {
  std::string type, subject;
  std::shared_ptr<int> limit = std::make_shared<int>(50);
};

// The newest of them, in the order in which they happened.
Result<void> list_events(const EventArguments& arguments, const Options& options) {
  auto client = TRY(connect(options));
  auto target = api::target("/api/v1/events?type={}&subject={}", arguments.type, arguments.subject);
  auto items = TRY(client.list(target));
  auto limit = static_cast<std::size_t>(*arguments.limit);
  auto earlier = limit == 0 || items.size() <= limit ? 0 : items.size() - limit;
  items.erase(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(earlier));
  if (earlier > 0 && !options.json) fmt::print("({} earlier events; --limit 0 shows all)\n", earlier);
  print_page(options, {{"items", std::move(items)}, {"next", nullptr}},
             {.columns = {{"ID", Align::kRight}, {"EVENT TIME"}, {"TYPE"}, {"SUBJECT"}, {"DATA"}},
              .row =
                  [](const Json& item) {
                    return std::vector<std::string>{cell(item, "id"), short_time(item, "event_time"),
                                                    cell(item, "type"), cell(item, "subject"), cell(item, "data")};
                  },
              .empty = "no such events yet: they come with data, runs, alerts, triggers and gates"});
  return {};
}

}  // namespace

void add_event(CLI::App& app, Options& options) {
  auto* noun = add_noun(app, "event", "The log of all that happened");
  auto arguments = std::make_shared<EventArguments>();
  auto* list =
      add_verb(noun,
               {"list", "The newest events, in the order in which they happened",
                "millrace event list --type alert.raised\nmillrace event list --subject delays --limit 0 --json"},
               options, [arguments, &options] { return list_events(*arguments, options); });
  list->add_option("--type", arguments->type, "Only of this type, e.g. alert.raised; alert.* for all of a kind")
      ->type_name("TYPE");
  list->add_option("--subject", arguments->subject, "Only of this dataset, model, pipeline...")->type_name("NAME");
  add_limit(list, arguments->limit);
  noun->footer(
      "Types: dataset.version_created, dataset.batch_rejected, model_version.registered, model_version.alias_set,\n"
      "pipeline_run.started, pipeline_run.finished, monitor.window_closed, alert.raised, trigger.fired, "
      "gate.decided...\n"
      "Example:\n  millrace event list --type alert.raised");
}

}  // namespace millrace::cli
