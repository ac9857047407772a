#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/suggest.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "delivery/documents.h"

namespace millrace::cli {
namespace {

Result<void> show_schema(const std::string& kind) {
  std::vector<std::string> names;
  for (const auto& known : delivery::kind_schemas()) {
    names.emplace_back(known.kind);
    if (known.kind != kind) continue;
    auto text = known.schema.substr(0, known.schema.find('\0'));
    fmt::print("{}{}", text, text.ends_with('\n') ? "" : "\n");
    return {};
  }
  return not_found("there is no kind \"{}\"{}{}", kind, did_you_mean(kind, names),
                   did_you_mean(kind, names).empty() ? fmt::format("; the kinds are {}", fmt::join(names, ", ")) : "");
}

void list_kinds(const Options& options) {
  auto names = Json::array();
  for (const auto& known : delivery::kind_schemas()) names.push_back(known.kind);
  if (options.json) return print_json({{"items", names}, {"next", nullptr}});
  for (const auto& name : names) fmt::print("{}\n", name.get_ref<const std::string&>());
}

}  // namespace

void add_schema(CLI::App& app, Options& options) {
  auto* command =
      app.add_subcommand("schema", "The JSON Schema of a kind of document; without one, the kinds. Needs no server");
  auto kind = std::make_shared<std::string>();
  command->add_option("KIND", *kind, "Dataset, FeatureView, Pipeline...");
  command->footer(
      "Editors complete and check YAML by it: put `# yaml-language-server: $schema=dataset.schema.json` on the first "
      "line.\n"
      "Examples:\n  millrace schema\n  millrace schema Dataset > dataset.schema.json");
  command->callback(guarded(options, [kind, &options]() -> Result<void> {
    if (!kind->empty()) return show_schema(*kind);
    list_kinds(options);
    return {};
  }));
}

}  // namespace millrace::cli
