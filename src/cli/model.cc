#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/lineage.h"
#include "cli/model_moves.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

using Row = std::vector<std::string>;

constexpr std::string_view kHowNamed = "NAME@ALIAS or NAME/VERSION";

std::string aliases_text(const Json& aliases) {
  std::string out;
  if (aliases.is_object())
    for (const auto& [alias, number] : aliases.items())
      out += fmt::format("{}{} = v{}", out.empty() ? "" : ", ", alias, cell(number));
  return out.empty() ? "-" : out;
}

Result<void> list_models(const Options& options) {
  auto client = TRY(connect(options));
  auto page = TRY(fetch_page(client, "/api/v1/models", 0));
  print_page(options, page,
             {.columns = {{"NAME"}, {"ALIASES"}, {"UPDATED"}, {"DESCRIPTION"}},
              .row =
                  [](const Json& item) {
                    return Row{cell(item, "name"), aliases_text(member(item, "aliases")),
                               short_time(item, "last_updated_time"), cell_or_empty(item, "description")};
                  },
              .empty = "no models yet: a pipeline with a `register` step makes the first; `millrace pipeline list` "
                       "shows the pipelines"});
  return {};
}

// The version that "delays@champion" or "delays/3" names.
Result<Json> find_version(api::ApiClient& client, const std::string& text) {
  auto at = text.find_first_of("@/");
  if (at == std::string::npos || at + 1 == text.size())
    return invalid_argument("\"{}\" does not name a version; write {}", text, kHowNamed);
  auto pattern = text[at] == '@'
                     ? api::target("/api/v1/models/{}/aliases/{}", text.substr(0, at), text.substr(at + 1))
                     : api::target("/api/v1/models/{}/versions/{}", text.substr(0, at), text.substr(at + 1));
  return client.get(pattern);
}

void print_version(const Json& found) {
  fmt::print("{}", fields_text({{"model", cell(found, "model")},
                                {"version", cell(found, "version")},
                                {"aliases", cell(found, "aliases")},
                                {"description", cell_or_empty(found, "description")},
                                {"created", short_time(found, "creation_time")},
                                {"source", cell(found, "source")},
                                {"run", cell_or_empty(found, "run_id")},
                                {"pipeline run", cell_or_empty(found, "pipeline_run")}}));
  Table tags({{"TAG"}, {"VALUE"}});
  if (const auto& all = member(found, "tags"); all.is_object())
    for (const auto& [key, value] : all.items()) tags.add({key, cell(value)});
  fmt::print("{}", section("Tags", tags));
}

void print_model(const Json& model, const Json& versions, const Json& history) {
  fmt::print("{}", fields_text({{"name", cell(model, "name")},
                                {"description", cell_or_empty(model, "description")},
                                {"aliases", aliases_text(member(model, "aliases"))},
                                {"created", short_time(model, "creation_time")},
                                {"tags", cell_or_empty(model, "tags")}}));
  fmt::print("{}",
             section("Versions", table_of(versions, {{"VERSION"}, {"ALIASES"}, {"CREATED"}, {"PIPELINE RUN"}, {"RUN"}},
                                          [](const Json& item) {
                                            return Row{version(item, "version"), cell(item, "aliases"),
                                                       short_time(item, "creation_time"),
                                                       short_id(item, "pipeline_run"), cell(item, "run_id")};
                                          })));
  fmt::print("{}",
             section("Aliases as they moved",
                     table_of(history, {{"EVENT TIME"}, {"ALIAS"}, {"FROM"}, {"TO"}, {"REASON"}}, [](const Json& item) {
                       return Row{short_time(item, "event_time"), cell(item, "alias"), version(item, "previous"),
                                  version(item, "version"), cell_or_empty(item, "reason")};
                     })));
}

Result<void> show_model(const std::string& name, const Options& options) {
  auto client = TRY(connect(options));
  if (name.find_first_of("@/") != std::string::npos) {
    auto found = TRY(find_version(client, name));
    if (options.json)
      print_json(found);
    else
      print_version(found);
    return {};
  }
  auto model = TRY(client.get(api::target("/api/v1/models/{}", name)));
  auto versions = TRY(client.list(api::target("/api/v1/models/{}/versions", name)));
  auto history = TRY(client.list(api::target("/api/v1/models/{}/alias-history", name)));
  if (options.json)
    print_json({{"model", model}, {"versions", versions}, {"alias_history", history}});
  else
    print_model(model, versions, history);
  return {};
}

// A version is looked up first, so that a misspelt name is answered with the nearest one.
Result<void> show_version_lineage(const std::string& name, const LineageArguments& arguments, const Options& options) {
  auto client = TRY(connect(options));
  auto found = TRY(find_version(client, name));
  return show_lineage(fmt::format("model:{}/{}", cell(found, "model"), cell(found, "version")), arguments, options);
}

Result<void> show_card(const std::string& name, const Options& options) {
  auto client = TRY(connect(options));
  const auto found = TRY(find_version(client, name));
  const auto card = TRY(
      client.get_text(api::target("/api/v1/models/{}/versions/{}/card", cell(found, "model"), cell(found, "version"))));
  if (options.json)
    print_json({{"model", found["model"]}, {"version", found["version"]}, {"card", card}});
  else
    fmt::print("{}", card);
  return {};
}

}  // namespace

void add_model(CLI::App& app, Options& options) {
  auto* noun = add_noun(app, "model", "Registered models: versions, aliases, and what they came of");
  noun->footer(
      "An alias such as champion names the version that an endpoint serves; a pipeline's gate decides whether it "
      "moves.\n"
      "Examples:\n  millrace model show delays\n  millrace model show delays@champion\n  millrace model lineage "
      "delays@champion");
  add_verb(noun, {"list", "Every model with its aliases", "millrace model list"}, options,
           [&options] { return list_models(options); });
  auto name = std::make_shared<std::string>();
  add_verb(noun,
           {"show", "One model with its versions and the moves of its aliases, or one version",
            "millrace model show delays\nmillrace model show delays@champion\nmillrace model show delays/3"},
           options, [name, &options] { return show_model(*name, options); })
      ->add_option("NAME", *name, fmt::format("The model; or {} for one version", kHowNamed))
      ->required();
  auto* lineage = add_verb(noun, {"lineage", "What a version came of and what came of it: runs, data, endpoints",
                                  "millrace model lineage delays@champion\nmillrace model lineage delays/3 --upstream "
                                  "--svg delays.svg"});
  lineage->add_option("NAME", *name, fmt::format("The version, as {}", kHowNamed))->required();
  auto arguments = add_lineage_options(lineage);
  lineage->callback(
      guarded(options, [name, arguments, &options] { return show_version_lineage(*name, *arguments, options); }));
  add_verb(noun, {"card", "A version's card: what is known of it, in Markdown", "millrace model card delays@champion"},
           options, [name, &options] { return show_card(*name, options); })
      ->add_option("NAME", *name, fmt::format("The version, as {}", kHowNamed))
      ->required();
  add_model_moves(noun, options);
}

}  // namespace millrace::cli
