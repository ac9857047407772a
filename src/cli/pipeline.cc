#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

using Row = std::vector<std::string>;

Result<void> list_pipelines(const Options& options) {
  auto client = TRY(connect(options));
  auto page = TRY(client.get("/api/v1/pipelines"));
  auto empty = fmt::format("no pipelines yet: {}", kDeclareHint);
  print_page(options, page,
             {.columns = {{"NAME"}, {"STEPS", Align::kRight}, {"PARAMS"}, {"DESCRIPTION"}},
              .row =
                  [](const Json& item) {
                    return Row{cell(item, "name"), std::to_string(member(item, "steps").size()), cell(item, "params"),
                               cell_or_empty(item, "description")};
                  },
              .empty = empty});
  return {};
}

Result<void> show_pipeline(const std::string& name, const Options& options) {
  auto client = TRY(connect(options));
  auto pipeline = TRY(client.get(api::target("/api/v1/pipelines/{}", name)));
  if (options.json) return print_json(pipeline), Result<void>{};
  fmt::print("{}", fields_text({{"name", cell(pipeline, "name")},
                                {"description", cell_or_empty(pipeline, "description")},
                                {"params", cell(pipeline, "params")}}));
  auto steps = table_of(member(pipeline, "steps"), {{"STEP"}, {"DOES"}, {"AFTER"}, {"OUTPUTS"}}, [](const Json& step) {
    auto run = cell_or_empty(step, "run");
    return Row{cell(step, "name"), run.empty() ? cell(step, "uses") : run, cell(step, "needs"), cell(step, "outputs")};
  });
  fmt::print("{}", section("Steps", steps));
  return {};
}

}  // namespace

void add_pipeline(CLI::App& app, Options& options) {
  auto* noun = add_noun(app, "pipeline", "Pipelines: what `millrace run` can start");
  noun->footer(
      "Examples:\n  millrace pipeline list\n  millrace pipeline show retrain\n  millrace run retrain --follow");
  add_verb(noun, {"list", "Every pipeline with its parameters", "millrace pipeline list"}, options,
           [&options] { return list_pipelines(options); });
  auto name = std::make_shared<std::string>();
  add_verb(noun, {"show", "One pipeline with its steps", "millrace pipeline show retrain"}, options,
           [name, &options] { return show_pipeline(*name, options); })
      ->add_option("NAME", *name, "The pipeline")
      ->required();
}

}  // namespace millrace::cli
