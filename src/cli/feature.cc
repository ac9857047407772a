#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/suggest.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

using Row = std::vector<std::string>;

struct Definitions {
  Json views;
  Json services;
};

Result<Definitions> fetch_definitions(const Options& options) {
  auto client = TRY(connect(options));
  return Definitions{TRY(client.list("/api/v1/feature-views")), TRY(client.list("/api/v1/feature-services"))};
}

std::string count_of(const Json& item) { return std::to_string(member(item, "features").size()); }

Result<void> list_features(const Options& options) {
  auto [views, services] = TRY(fetch_definitions(options));
  if (options.json) return print_json({{"feature_views", views}, {"feature_services", services}}), Result<void>{};
  if (views.empty() && services.empty()) {
    fmt::print("no feature views or services yet: {}\n", kDeclareHint);
    return {};
  }
  Table table({{"KIND"}, {"NAME"}, {"SOURCE"}, {"ENTITIES"}, {"TTL"}, {"FEATURES", Align::kRight}});
  for (const auto& view : views)
    table.add(
        {"view", cell(view, "name"), cell(view, "source"), cell(view, "entities"), cell(view, "ttl"), count_of(view)});
  for (const auto& service : services) table.add({"service", cell(service, "name"), "-", "-", "-", count_of(service)});
  fmt::print("{}", table.text());
  return {};
}

void print_view(const Json& view) {
  fmt::print("{}", fields_text({{"kind", "feature view"},
                                {"name", cell(view, "name")},
                                {"description", cell_or_empty(view, "description")},
                                {"source", cell(view, "source")},
                                {"entities", cell(view, "entities")},
                                {"ttl", cell(view, "ttl")},
                                {"where", cell_or_empty(view, "where")}}));
  auto features = table_of(member(view, "features"), {{"NAME"}, {"SQL"}, {"AGGREGATE"}, {"WINDOW"}, {"DESCRIPTION"}},
                           [](const Json& item) {
                             return Row{cell(item, "name"), cell(item, "sql"), cell(item, "aggregate"),
                                        cell(item, "window"), cell_or_empty(item, "description")};
                           });
  fmt::print("{}", section("Features", features));
}

void print_service(const Json& service) {
  fmt::print("{}", fields_text({{"kind", "feature service"},
                                {"name", cell(service, "name")},
                                {"description", cell_or_empty(service, "description")},
                                {"hash", cell_or_empty(service, "hash")}}));
  auto inputs = table_of(member(service, "inputs"), {{"NAME"}, {"TYPE"}, {"ENTITY"}}, [](const Json& item) {
    return Row{cell(item, "name"), cell(item, "type"), cell(item, "entity")};
  });
  auto features = table_of(member(service, "features"), {{"NAME"}}, [](const Json& item) { return Row{cell(item)}; });
  fmt::print("{}{}", section("Inputs of a request", inputs), section("Features, in the order of the vector", features));
}

Result<void> show_feature(const std::string& name, const Options& options) {
  auto [views, services] = TRY(fetch_definitions(options));
  std::vector<std::string> names;
  for (const auto* list : {&views, &services})
    for (const auto& item : *list) {
      names.push_back(cell(item, "name"));
      if (names.back() != name) continue;
      if (options.json)
        print_json(item);
      else
        list == &views ? print_view(item) : print_service(item);
      return {};
    }
  return not_found("feature view or service \"{}\" does not exist{}", name, did_you_mean(name, names));
}

}  // namespace

void add_feature(CLI::App& app, Options& options) {
  auto* noun = add_noun(app, "feature", "Feature views and feature services");
  noun->footer(
      "A view computes features from a dataset, as known at a moment; a service is the list of features that one model "
      "uses.\n"
      "The same definition answers in training and at request time.\n"
      "Examples:\n  millrace feature list\n  millrace feature show origin_now");
  add_verb(noun, {"list", "Every feature view and service", "millrace feature list"}, options,
           [&options] { return list_features(options); });
  auto name = std::make_shared<std::string>();
  add_verb(noun, {"show", "One view with its SQL, or one service with its inputs", "millrace feature show origin_now"},
           options, [name, &options] { return show_feature(*name, options); })
      ->add_option("NAME", *name, "The view or service")
      ->required();
}

}  // namespace millrace::cli
