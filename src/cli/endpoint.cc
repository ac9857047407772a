#include <fmt/core.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/lineage_text.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

using Row = std::vector<std::string>;

// "@champion", or "/3" for a version that no alias decides.
std::string place_of(const Json& arm) {
  return member(arm, "alias").is_string() ? "@" + cell(arm, "alias") : "/" + cell(arm, "version");
}

std::string share_of(const Json& arm) {
  const auto& share = member(arm, "share");
  return share.is_number() ? fmt::format("{:.4g}%", 100 * share.get<double>()) : "-";
}

// "mean of churn_xgb@champion, churn_onnx/3"
std::string members_of(const Json& composition) {
  std::vector<std::string> members;
  for (const auto& part : member(composition, "members")) members.push_back(cell(part, "model") + place_of(part));
  const auto how = member(composition, "combine").is_string() ? "combine" : "kind";
  return fmt::format("{} of {}", cell(composition, how), fmt::join(members, ", "));
}

// "delays@champion, @challenger"
std::string model_of(const Json& endpoint) {
  if (const auto& composition = member(endpoint, "composition"); composition.is_object())
    return members_of(composition);
  std::vector<std::string> places;
  for (const auto& arm : member(endpoint, "arms")) places.push_back(place_of(arm));
  return cell(endpoint, "model") + fmt::format("{}", fmt::join(places, ", "));
}

// "v3", or "v3 90%, v4 10%", and whether they are in memory
std::string versions_of(const Json& endpoint) {
  const auto& arms = member(endpoint, "arms");
  const std::string_view asleep = member(endpoint, "asleep") == true ? " (asleep)" : "";
  if (arms.size() < 2) return fmt::format("{}{}", version(endpoint, "version"), asleep);
  std::vector<std::string> versions;
  for (const auto& arm : arms) versions.push_back(version(arm, "version") + " " + share_of(arm));
  return fmt::format("{}{}", fmt::join(versions, ", "), asleep);
}

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
                    return Row{cell(item, "name"),
                               model_of(item),
                               versions_of(item),
                               cell(item, "predictions"),
                               cell(item, "failures"),
                               milliseconds(item, "p50_ms"),
                               milliseconds(item, "p99_ms"),
                               cell_or_empty(item, "problem")};
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

// Who said how requests are divided.
std::string routes_text(const Json& endpoint) {
  const auto& by_hand = member(endpoint, "routes_by_hand");
  if (by_hand.is_null()) return "as the document says";
  const auto who = cell_or_empty(by_hand, "who");
  return fmt::format("set by hand{}{} at {}: {}", who.empty() ? "" : " by ", who, short_time(by_hand, "set_time"),
                     cell(by_hand, "reason"));
}

Table arms_table(const Json& endpoint) {
  return table_of(member(endpoint, "arms"),
                  {{"ARM"},
                   {"VERSION"},
                   {"SHARE", Align::kRight},
                   {"PREDICTIONS", Align::kRight},
                   {"FAILED", Align::kRight},
                   {"P50", Align::kRight},
                   {"P99", Align::kRight},
                   {"PROBLEM"}},
                  [](const Json& arm) {
                    return Row{cell(arm, "name"),           version(arm, "version"),      share_of(arm),
                               cell(arm, "predictions"),    cell(arm, "failures"),        milliseconds(arm, "p50_ms"),
                               milliseconds(arm, "p99_ms"), cell_or_empty(arm, "problem")};
                  });
}

Table members_table(const Json& endpoint) {
  const auto& composition = member(endpoint, "composition");
  if (!composition.is_object()) return Table({{"MODEL"}});
  return table_of(member(composition, "members"),
                  {{"MODEL"}, {"FOLLOWS"}, {"VERSION"}, {"WEIGHT", Align::kRight}, {"OUTPUT"}, {"CLASS"}},
                  [](const Json& part) {
                    const bool final = member(part, "final").get<bool>();
                    return Row{cell(part, "model") + (final ? " (final)" : ""),
                               place_of(part),
                               version(part, "version"),
                               cell(part, "weight"),
                               cell_or_empty(part, "output"),
                               cell_or_empty(part, "class")};
                  });
}

// "97.5%" of the rows that were compared.
std::string agreement(const Json& shadow) {
  const double compared = member(shadow, "compared").get<double>();
  return compared == 0 ? "-" : fmt::format("{:.4g}%", 100 * member(shadow, "agreed").get<double>() / compared);
}

Table shadows_table(const Json& endpoint) {
  return table_of(member(endpoint, "shadows"),
                  {{"ALIAS"},
                   {"VERSION"},
                   {"COMPARED", Align::kRight},
                   {"AGREED", Align::kRight},
                   {"DIFFERENCE", Align::kRight},
                   {"FAILED", Align::kRight},
                   {"DROPPED", Align::kRight},
                   {"P99", Align::kRight}},
                  [](const Json& shadow) {
                    return Row{cell(shadow, "alias"),
                               version(shadow, "version"),
                               cell(shadow, "compared"),
                               agreement(shadow),
                               fmt::format("{:.3g}", member(shadow, "difference_mean").get<double>()),
                               cell(shadow, "failures"),
                               cell(shadow, "dropped"),
                               milliseconds(shadow, "p99_ms")};
                  });
}

std::string log_text(const Json& endpoint) {
  const auto sample = member(endpoint, "log_sample").get<double>();
  return fmt::format("dataset {}{}", cell(endpoint, "log"),
                     sample < 1 ? fmt::format(", {:.4g}% of the requests", sample * 100) : "");
}

void print_endpoint(const Json& endpoint, const Options& options) {
  fmt::print("{}", fields_text({{"name", cell(endpoint, "name")},
                                {"description", cell_or_empty(endpoint, "description")},
                                {"model", model_of(endpoint)},
                                {"version", versions_of(endpoint)},
                                {"routes", routes_text(endpoint)},
                                {"problem", cell_or_empty(endpoint, "problem")},
                                {"features", cell(endpoint, "features")},
                                {"log", log_text(endpoint)},
                                {"predictions", cell(endpoint, "predictions") + " since the versions were loaded"},
                                {"failures", cell(endpoint, "failures")},
                                {"latency", fmt::format("p50 {}, p99 {}", milliseconds(endpoint, "p50_ms"),
                                                        milliseconds(endpoint, "p99_ms"))}}));
  auto shadows = shadows_table(endpoint);
  auto tensors = [&](const char* key) {
    return table_of(member(endpoint, key), {{"NAME"}, {"DATATYPE"}, {"SHAPE"}}, [](const Json& item) {
      return Row{cell(item, "name"), cell(item, "datatype"), dump_json(item.at("shape"))};
    });
  };
  auto inputs = tensors("inputs");
  fmt::print("{}", section("Members: the models that answer together", members_table(endpoint)));
  fmt::print("{}", section("Arms: requests are divided among them", arms_table(endpoint)));
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

struct RouteArguments {
  std::string name;
  std::vector<std::string> weights;  // ARM=WEIGHT
  std::string reason;
  bool reset = false;
};

Result<Json> parse_weights(const std::vector<std::string>& texts) {
  auto weights = Json::object();
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    const auto weight = equals == std::string::npos ? Json() : parse_json(text.substr(equals + 1)).value_or(nullptr);
    if (equals == 0 || !weight.is_number())
      return invalid_argument("\"{}\" is no share; write ARM=WEIGHT, as in champion=90", text);
    weights[text.substr(0, equals)] = weight;
  }
  return weights;
}

Result<Json> change_routes(api::ApiClient& client, const RouteArguments& arguments) {
  const auto target = api::target("/api/v1/endpoints/{}/routes", arguments.name);
  if (arguments.reset) return client.remove(target + api::target("?reason={}", arguments.reason));
  return client.patch(target, {{"weights", TRY(parse_weights(arguments.weights))}, {"reason", arguments.reason}});
}

Result<void> route(const RouteArguments& arguments, const Options& options) {
  if (arguments.reset && !arguments.weights.empty()) return invalid_argument("give ARM=WEIGHT or --reset, not both");
  const bool changes = arguments.reset || !arguments.weights.empty();
  if (changes && arguments.reason.empty()) return invalid_argument("say why with --reason");
  auto client = TRY(connect(options));
  Json routes;
  if (changes) routes = TRY(change_routes(client, arguments));
  if (options.json) {
    print_json(changes ? routes : TRY(client.get(api::target("/api/v1/endpoints/{}/routes", arguments.name))));
    return {};
  }
  const auto endpoint = TRY(client.get(api::target("/api/v1/endpoints/{}", arguments.name)));
  fmt::print("{}\nRoutes: {}\n", arms_table(endpoint).text(), routes_text(endpoint));
  return {};
}

void add_route(CLI::App* noun, Options& options) {
  auto arguments = std::make_shared<RouteArguments>();
  auto* command = add_verb(noun,
                           {"route", "How requests are divided among versions; change it without the document",
                            "millrace endpoint route delays\n"
                            "millrace endpoint route delays champion=90 challenger=10 --reason \"a canary\"\n"
                            "millrace endpoint route delays --reset --reason \"it did badly\""},
                           options, [arguments, &options] { return route(*arguments, options); });
  command->add_option("NAME", arguments->name, "The endpoint")->required();
  command->add_option("WEIGHTS", arguments->weights,
                      "ARM=WEIGHT: an arm, or an alias of the model that becomes one; the others keep theirs");
  command->add_option("--reason", arguments->reason, "Why, for whoever reads it later")->type_name("TEXT");
  command->add_flag("--reset", arguments->reset, "Back to what the document says");
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
      "An endpoint answers the Open Inference Protocol at /v2/models/NAME/infer and follows its model's aliases.\n"
      "Counts and latencies are those of the versions that serve now, since this server loaded them.\n"
      "Examples:\n  millrace endpoint list\n  millrace endpoint show delays\n  millrace endpoint prediction delays "
      "PREDICTION_ID\n  millrace endpoint route delays champion=90 challenger=10 --reason \"a canary\"");
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
  add_route(noun, options);
  for (auto* command : {show, prediction}) command->add_option("NAME", *name, "The endpoint")->required();
  prediction->add_option("ID", *id, "The request's id")->required();
}

}  // namespace millrace::cli
