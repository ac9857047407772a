#include "cli/lineage.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "cli/lineage_text.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

Direction direction_of(const LineageArguments& arguments) {
  if (arguments.upstream == arguments.downstream) return Direction::kBoth;
  return arguments.upstream ? Direction::kUpstream : Direction::kDownstream;
}

std::string target_of(std::string_view path, const std::string& node, const LineageArguments& arguments) {
  return std::string(path) + api::target("?node={}&direction={}&depth={}&limit={}", node,
                                         std::string(lineage::to_text(direction_of(arguments))),
                                         std::to_string(arguments.depth), std::to_string(arguments.limit));
}

void print_graph(const Json& graph, Direction direction) {
  const auto root = cell(graph, "root");
  if (direction != Direction::kBoth) {
    fmt::print("{}", lineage_text(graph, root, direction));
    return;
  }
  fmt::print("{}", lineage_text(graph, root, Direction::kUpstream));
  const auto after = lineage_text(graph, root, Direction::kDownstream);
  if (after.find('\n') + 1 < after.size()) fmt::print("\nWhat came of it\n{}", after);
}

}  // namespace

std::shared_ptr<LineageArguments> add_lineage_options(CLI::App* command) {
  auto arguments = std::make_shared<LineageArguments>();
  command->add_flag("--upstream", arguments->upstream, "Only what it came of");
  command->add_flag("--downstream", arguments->downstream, "Only what came of it");
  command->add_option("--depth", arguments->depth, "How far to go")
      ->check(CLI::Range(0, 100))
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--limit", arguments->limit, "At most so many nodes")
      ->check(CLI::Range(1, 10'000))
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--svg", arguments->svg, "Write a picture of it")->type_name("FILE");
  return arguments;
}

Result<void> show_lineage(const std::string& node, const LineageArguments& arguments, const Options& options) {
  auto client = TRY(connect(options));
  if (!arguments.svg.empty()) {
    TRY(write_file(arguments.svg, TRY(client.get_text(target_of("/api/v1/lineage/picture", node, arguments)))));
    fmt::print("wrote {}\n", arguments.svg);
    return {};
  }
  const auto graph = TRY(client.get(target_of("/api/v1/lineage", node, arguments)));
  if (options.json)
    print_json(graph);
  else
    print_graph(graph, direction_of(arguments));
  return {};
}

void add_lineage(CLI::App& app, Options& options) {
  auto* command = app.add_subcommand("lineage", "What anything came of and what came of it: data, runs, models, jobs");
  auto node = std::make_shared<std::string>();
  command->add_option("NODE", *node, "dataset:NAME, run:ID, model:NAME/VERSION, endpoint:NAME or any node's id")
      ->required();
  auto arguments = add_lineage_options(command);
  command->footer(
      "A dataset or model without a version is its newest one.\n"
      "Examples:\n  millrace lineage dataset:flights --downstream\n  millrace lineage model:delays@champion --svg "
      "delays.svg\n  millrace lineage endpoint:delays --depth 3 --json");
  command->callback(guarded(options, [node, arguments, &options] { return show_lineage(*node, *arguments, options); }));
}

}  // namespace millrace::cli
