#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

using Row = std::vector<std::string>;

struct ExperimentArguments {
  std::string name;
  std::string to;
  std::string filter;
  std::string order_by;
  std::string view = "active";
  std::string older;
  int limit = 50;
  bool apply = false;
};
using Arguments = std::shared_ptr<ExperimentArguments>;

std::string search_target(std::string_view path, const ExperimentArguments& a) {
  return std::string(path) + api::target("?filter={}&order_by={}&view={}", a.filter, a.order_by, a.view);
}

// "loss 0.25, auc 0.9", the first few.
std::string metrics_text(const Json& metrics) {
  constexpr std::size_t kShown = 3;
  std::string text;
  std::size_t shown = 0;
  for (const auto& [key, value] : metrics.items()) {
    if (shown++ == kShown) return text + ", ...";
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", key, cell(value));
  }
  return text.empty() ? "-" : text;
}

Row experiment_row(const Json& item) {
  return {cell(item, "id"), cell(item, "name"), short_time(item, "creation_time"), cell_or_empty(item, "tags")};
}

Row run_row(const Json& item) {
  return {cell(item, "id"), cell(item, "name"), cell(item, "status"), short_time(item, "start_time"),
          metrics_text(member(item, "metrics"))};
}

Result<void> list_experiments(const ExperimentArguments& a, const Options& options) {
  auto client = TRY(connect(options));
  print_page(options, TRY(fetch_page(client, search_target("/api/v1/experiments", a), a.limit)),
             {.columns = {{"ID"}, {"NAME"}, {"CREATED"}, {"TAGS"}}, .row = experiment_row, .empty = "no experiments"});
  return {};
}

// By its id or its name.
Result<Json> find_experiment(api::ApiClient& client, const std::string& text) {
  std::string name;
  for (const char c : text) name += c == '\'' ? std::string("''") : std::string(1, c);
  auto found = TRY(client.get(api::target("/api/v1/experiments?view=all&filter={}", fmt::format("name = '{}'", name))));
  if (!found["items"].empty()) return found["items"].front();
  return client.get(api::target("/api/v1/experiments/{}", text));
}

Result<void> list_runs(const ExperimentArguments& a, const Options& options) {
  auto client = TRY(connect(options));
  std::string target = search_target("/api/v1/runs", a);
  if (!a.name.empty()) {
    target += api::target("&experiment_id={}", cell(TRY(find_experiment(client, a.name)), "id"));
  }
  print_page(
      options, TRY(fetch_page(client, target, a.limit)),
      {.columns = {{"RUN"}, {"NAME"}, {"STATUS"}, {"STARTED"}, {"METRICS"}}, .row = run_row, .empty = "no such runs"});
  return {};
}

Result<void> show_experiment(const ExperimentArguments& a, const Options& options) {
  auto client = TRY(connect(options));
  const Json found = TRY(find_experiment(client, a.name));
  if (options.json) {
    print_json(found);
    return {};
  }
  fmt::print("{}", fields_text({{"id", cell(found, "id")},
                                {"name", cell(found, "name")},
                                {"state", cell(found, "lifecycle_stage")},
                                {"created", short_time(found, "creation_time")},
                                {"tags", cell_or_empty(found, "tags")}}));
  return {};
}

Result<void> show_folder(const ExperimentArguments& a, const Options& options) {
  auto client = TRY(connect(options));
  const Json contents = TRY(client.get(api::target("/api/v1/folders?path={}", a.name)));
  if (options.json) {
    print_json(contents);
    return {};
  }
  Table table({{"NAME"}, {"EXPERIMENTS"}, {"TAGS"}});
  for (const Json& folder : contents["folders"]) {
    table.add({cell(folder, "path") + "/", cell(folder, "experiments"), ""});
  }
  for (const Json& experiment : contents["experiments"]) {
    table.add({cell(experiment, "name"), "", cell_or_empty(experiment, "tags")});
  }
  fmt::print("{}", table.text());
  return {};
}

Result<void> move_folder(const ExperimentArguments& a, const Options& options) {
  auto client = TRY(connect(options));
  const Json moved = TRY(client.post("/api/v1/folders/move", {{"from", a.name}, {"to", a.to}}));
  if (options.json) {
    print_json(moved);
  } else {
    fmt::print("{} experiments moved from {} to {}\n", cell(moved, "experiments"), a.name, a.to);
  }
  return {};
}

Result<void> erase(const ExperimentArguments& a, const Options& options) {
  auto client = TRY(connect(options));
  const Json erased = TRY(client.post("/api/v1/erase", {{"deleted_longer_than", a.older}}));
  if (options.json) {
    print_json(erased);
  } else {
    fmt::print("{} runs and {} experiments are gone for good\n", cell(erased, "runs"), cell(erased, "experiments"));
  }
  return {};
}

Result<void> show_retention(const ExperimentArguments& a, const Options& options) {
  auto client = TRY(connect(options));
  const Json found = TRY(a.apply ? client.post("/api/v1/retention", Json::object()) : client.get("/api/v1/retention"));
  if (options.json) {
    print_json(found);
    return {};
  }
  Table table({{"FATE"}, {"KIND"}, {"NAME"}, {"EXPERIMENT"}, {"WHY"}, {"ID"}});
  for (const Json& item : found["items"]) {
    table.add({cell(item, "fate"), cell(item, "kind"), cell(item, "name"), cell(item, "experiment"),
               cell(item, "reason"), cell(item, "id")});
  }
  if (found["items"].empty()) {
    fmt::print("{}\n", a.apply ? "nothing was due" : "no rule applies to anything now");
  } else {
    fmt::print("{}", table.text());
  }
  return {};
}

void add_search_options(CLI::App* verb, const Arguments& a) {
  verb->add_option("--filter", a->filter,
                   "In MLflow's filter language, with OR, NOT, IN and dates such as '7 days ago'");
  verb->add_option("--order-by", a->order_by, "With commas between: \"metrics.loss DESC, start_time\"");
  verb->add_option("--view", a->view, "active, deleted or all")->capture_default_str();
  verb->add_option("--limit", a->limit, "At most this many")->capture_default_str();
}

}  // namespace

void add_experiment(CLI::App& app, Options& options) {
  auto* noun = add_noun(app, "experiment", "Experiments, their folders and their runs");
  noun->footer(
      "An experiment's name is a path: vision/cats/resnet lies in the folder vision/cats.\n"
      "Examples:\n  millrace experiment runs delays --filter \"metrics.loss < 0.2\" --order-by \"metrics.loss\"\n"
      "  millrace experiment folder vision");
  const auto a = std::make_shared<ExperimentArguments>();
  add_search_options(
      add_verb(noun, {"list", "Experiments", "millrace experiment list --filter \"name LIKE 'vision/%'\""}, options,
               [a, &options] { return list_experiments(*a, options); }),
      a);
  add_verb(noun, {"show", "One experiment", "millrace experiment show delays"}, options,
           [a, &options] { return show_experiment(*a, options); })
      ->add_option("NAME", a->name, "The experiment's name or id")
      ->required();
  auto* runs =
      add_verb(noun,
               {"runs", "Runs of an experiment, or of all",
                "millrace experiment runs delays --filter \"params.depth = '6' AND start_time > '7 days ago'\""},
               options, [a, &options] { return list_runs(*a, options); });
  runs->add_option("NAME", a->name, "The experiment's name or id; of all without it");
  add_search_options(runs, a);
  add_verb(noun, {"folder", "What lies in a folder of experiments", "millrace experiment folder vision/cats"}, options,
           [a, &options] { return show_folder(*a, options); })
      ->add_option("PATH", a->name, "The folder; the one of all without it");
  auto* move = add_verb(noun,
                        {"move", "Move or rename a folder with all that lies below it",
                         "millrace experiment move vision/cats archive/cats"},
                        options, [a, &options] { return move_folder(*a, options); });
  move->add_option("FROM", a->name, "The folder")->required();
  move->add_option("TO", a->to, "Its new path")->required();
  add_verb(noun,
           {"erase", "Remove for good what has been deleted long enough, artifacts too",
            "millrace experiment erase --deleted-longer-than 30d"},
           options, [a, &options] { return erase(*a, options); })
      ->add_option("--deleted-longer-than", a->older, "A duration: 30d, 12h, 0s")
      ->required();
  add_verb(noun,
           {"retention", "What the rules of retention delete or erase, what they spare, and why",
            "millrace experiment retention"},
           options, [a, &options] { return show_retention(*a, options); })
      ->add_flag("--apply", a->apply, "Do it now, rather than within the hour");
}

}  // namespace millrace::cli
