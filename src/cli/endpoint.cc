#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/lineage_text.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

using Row = std::vector<std::string>;

std::string model_of(const Json& endpoint) { return cell(endpoint, "model") + "@" + cell(endpoint, "alias"); }

std::string milliseconds(const Json& endpoint, std::string_view key) {
  return decimal(member(endpoint, key), 2) + " ms";
}

Result<void> list_endpoints(const Options& options) {
  auto client = TRY(connect(options));
  auto page = TRY(client.get("/api/v1/endpoints"));
  auto empty = fmt::format("no endpoints yet: {}", kDeclareHint);
  print_page(options, page,
             {.columns = {{"NAME"},
                          {"MODEL"},
                          {"VERSION"},
                          {"PREDICTIONS", Align::kRight},
                          {"FAILED", Align::kRight},
                          {"P50", Align::kRight},
                          {"P99", Align::kRight},
                          {"PROBLEM"}},
              .row =
                  [](const Json& item) {
                    return Row{cell(item, "name"),           model_of(item),
                               version(item, "version"),     cell(item, "predictions"),
                               cell(item, "failures"),       milliseconds(item, "p50_ms"),
                               milliseconds(item, "p99_ms"), cell_or_empty(item, "problem")};
                  },
              .empty = empty});
  return {};
}

// A tensor of one row in the Open Inference Protocol, with values that the reader replaces.
Json example_input(const Json& input) {
  auto datatype = cell(input, "datatype");
  auto shape = input.at("shape");
  std::size_t count = 1;
  for (auto& extent : shape) {
    if (extent.get<std::int64_t>() < 0) extent = 1;
    count *= extent.get<std::size_t>();
  }
  const Json value = datatype == "BYTES"          ? Json("...")
                     : datatype == "BOOL"         ? Json(false)
                     : datatype.starts_with("FP") ? Json(0.0)
                                                  : Json(0);
  return {{"name", cell(input, "name")}, {"shape", shape}, {"datatype", datatype}, {"data", Json(count, value)}};
}

std::string example_request(const Json& endpoint, const Options& options) {
  auto inputs = Json::array();
  for (const auto& input : member(endpoint, "inputs")) inputs.push_back(example_input(input));
  return fmt::format("curl -s {}/v2/models/{}/infer -d '{}'", options.server, cell(endpoint, "name"),
                     dump_json({{"inputs", inputs}}));
}

void print_endpoint(const Json& endpoint, const Options& options) {
  fmt::print("{}", fields_text({{"name", cell(endpoint, "name")},
                                {"description", cell_or_empty(endpoint, "description")},
                                {"model", model_of(endpoint)},
                                {"version", version(endpoint, "version")},
                                {"problem", cell_or_empty(endpoint, "problem")},
                                {"features", cell(endpoint, "features")},
                                {"log", "dataset " + cell(endpoint, "log")},
                                {"predictions", cell(endpoint, "predictions") + " by this version since it was loaded"},
                                {"failures", cell(endpoint, "failures")},
                                {"latency", fmt::format("p50 {}, p99 {}", milliseconds(endpoint, "p50_ms"),
                                                        milliseconds(endpoint, "p99_ms"))}}));
  auto shadows = table_of(member(endpoint, "shadows"), {{"ALIAS"}, {"VERSION"}},
                          [](const Json& item) { return Row{cell(item, "alias"), version(item, "version")}; });
  auto tensors = [&](const char* key) {
    return table_of(member(endpoint, key), {{"NAME"}, {"DATATYPE"}, {"SHAPE"}}, [](const Json& item) {
      return Row{cell(item, "name"), cell(item, "datatype"), dump_json(item.at("shape"))};
    });
  };
  auto inputs = tensors("inputs");
  fmt::print("{}{}{}", section("Shadows: scored and logged, never answered", shadows), section("Inputs", inputs),
             section("Outputs", tensors("outputs")));
  if (!inputs.empty()) fmt::print("\nAsk it\n  {}\n", example_request(endpoint, options));
}

Result<void> show_endpoint(const std::string& name, const Options& options) {
  auto client = TRY(connect(options));
  auto endpoint = TRY(client.get(api::target("/api/v1/endpoints/{}", name)));
  if (options.json)
    print_json(endpoint);
  else
    print_endpoint(endpoint, options);
  return {};
}

std::string pairs(const Json& object) {
  Table table({{"COLUMN"}, {"VALUE"}});
  if (object.is_object())
    for (const auto& [key, value] : object.items()) table.add({key, cell(value)});
  return table.empty() ? "-\n" : table.text();
}

Result<void> show_prediction(const std::string& name, const std::string& id, const Options& options) {
  auto client = TRY(connect(options));
  auto found = TRY(client.get(api::target("/api/v1/endpoints/{}/predictions/{}", name, id)));
  if (options.json) return print_json(found), Result<void>{};
  fmt::print("Prediction\n{}", pairs(member(found, "prediction")));
  if (member(found, "label").is_null())
    fmt::print("\nNo label yet.\n");
  else
    fmt::print("\nLabel\n{}", pairs(member(found, "label")));
  auto model = cell(found, "model_version");
  fmt::print("\nIt came of\n{}", lineage_text(member(found, "lineage"), model, Direction::kUpstream));
  return {};
}

}  // namespace

void add_endpoint(CLI::App& app, Options& options) {
  auto* noun = add_noun(app, "endpoint", "Endpoints: served names, the versions behind them, their predictions");
  noun->footer(
      "An endpoint answers the Open Inference Protocol at /v2/models/NAME/infer and follows its model's alias.\n"
      "Counts and latencies are those of the version that serves now, since this server loaded it.\n"
      "Examples:\n  millrace endpoint list\n  millrace endpoint show delays\n  millrace endpoint prediction delays "
      "PREDICTION_ID");
  add_verb(noun, {"list", "Every endpoint with the version it serves", "millrace endpoint list"}, options,
           [&options] { return list_endpoints(options); });
  auto name = std::make_shared<std::string>();
  auto id = std::make_shared<std::string>();
  auto* show =
      add_verb(noun, {"show", "One endpoint: inputs, shadows, and how to ask it", "millrace endpoint show delays"},
               options, [name, &options] { return show_endpoint(*name, options); });
  auto* prediction = add_verb(noun,
                              {"prediction", "One logged prediction, its label and what it came of",
                               "millrace endpoint prediction delays PREDICTION_ID"},
                              options, [name, id, &options] { return show_prediction(*name, *id, options); });
  for (auto* command : {show, prediction}) command->add_option("NAME", *name, "The endpoint")->required();
  prediction->add_option("ID", *id, "The request's id")->required();
}

}  // namespace millrace::cli
