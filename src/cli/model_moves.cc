#include "cli/model_moves.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

using Row = std::vector<std::string>;

struct MoveArguments {
  std::string name;
  std::string alias, stage;
  std::string reason;
  std::string role = "deployer";
  std::string status;
  std::int64_t id = 0;
  int approvals = 0;
  bool gate = false;
  bool remove = false;
};
using Arguments = std::shared_ptr<MoveArguments>;

Result<void> check_place(const MoveArguments& arguments) {
  if (arguments.alias.empty() == arguments.stage.empty()) return invalid_argument("give one of --alias and --stage");
  return {};
}

std::string place_text(const Json& item) { return fmt::format("{} {}", cell(item, "kind"), cell(item, "place")); }

std::string rule_text(const Json& rule) {
  std::string out = member(rule, "gate") == true ? "a passed gate" : "";
  if (const auto& approvals = member(rule, "approvals"); approvals.is_number() && approvals != 0)
    out +=
        fmt::format("{}{} approval(s) by another {}", out.empty() ? "" : " and ", cell(approvals), cell(rule, "role"));
  return out;
}

void print_request(const Json& request) {
  const auto what = fmt::format("request {}: {} of model {} to version {}", cell(request, "id"), place_text(request),
                                cell(request, "model"), cell(request, "version"));
  if (cell(request, "status") != "pending") {
    fmt::print("{} is {}\n", what, cell(request, "status"));
    return;
  }
  const auto missing = cell_or_empty(request, "missing");
  fmt::print("{} waits{}\n", what, missing.empty() ? "" : ": it needs " + missing);
}

Result<void> show_request(const Options& options, const Result<Json>& request) {
  if (!request) return std::unexpected(request.error());
  if (options.json)
    print_json(*request);
  else
    print_request(*request);
  return {};
}

Result<void> set_rule(const MoveArguments& arguments, const Options& options) {
  TRY(check_place(arguments));
  auto client = TRY(connect(options));
  const bool alias = !arguments.alias.empty();
  const auto target = api::target("/api/v1/models/{}/rules/{}/{}", arguments.name,
                                  std::string(alias ? "alias" : "stage"), alias ? arguments.alias : arguments.stage);
  if (arguments.remove) {
    TRY(client.remove(target));
    fmt::print("{} of model {} has no rule any more\n", alias ? arguments.alias : arguments.stage, arguments.name);
    return {};
  }
  const auto rule =
      TRY(client.put(target, {{"gate", arguments.gate}, {"approvals", arguments.approvals}, {"role", arguments.role}}));
  if (options.json)
    print_json(rule);
  else
    fmt::print("{} of model {} needs {}\n", place_text(rule), arguments.name, rule_text(rule));
  return {};
}

Result<void> list_rules(const MoveArguments& arguments, const Options& options) {
  auto client = TRY(connect(options));
  const auto page = TRY(client.get(api::target("/api/v1/models/{}/rules", arguments.name)));
  print_page(options, page,
             {.columns = {{"PLACE"}, {"NEEDS"}, {"SET BY"}, {"SET"}},
              .row =
                  [](const Json& item) {
                    return Row{place_text(item), rule_text(item), cell(item, "set_by"), short_time(item, "set_time")};
                  },
              .empty = "no rules: whoever has the role deployer moves aliases and stages; `millrace model rule` sets "
                       "one"});
  return {};
}

Result<void> request(const MoveArguments& arguments, const Options& options) {
  TRY(check_place(arguments));
  const auto slash = arguments.name.rfind('/');
  const auto number =
      slash == std::string::npos ? Json() : parse_json(arguments.name.substr(slash + 1)).value_or(nullptr);
  if (!number.is_number_unsigned())
    return invalid_argument("\"{}\" does not name a version; write NAME/VERSION", arguments.name);
  auto client = TRY(connect(options));
  Json body{{"version", number}, {"reason", arguments.reason}};
  if (!arguments.alias.empty())
    body["alias"] = arguments.alias;
  else
    body["stage"] = arguments.stage;
  return show_request(options,
                      client.post(api::target("/api/v1/models/{}/requests", arguments.name.substr(0, slash)), body));
}

Result<void> list_requests(const MoveArguments& arguments, const Options& options) {
  auto client = TRY(connect(options));
  auto target =
      api::target("/api/v1/model-requests?status={}", arguments.status.empty() ? "pending" : arguments.status);
  if (arguments.status == "all") target = "/api/v1/model-requests?limit=100";
  if (!arguments.name.empty()) target += api::target("&model={}", arguments.name);
  const auto page = TRY(fetch_page(client, target, 0));
  print_page(
      options, page,
      {.columns =
           {{"REQUEST", Align::kRight}, {"MODEL"}, {"VERSION"}, {"TO"}, {"STATUS"}, {"BY"}, {"REASON"}, {"NEEDS"}},
       .row =
           [](const Json& item) {
             return Row{cell(item, "id"),
                        cell(item, "model"),
                        version(item, "version"),
                        place_text(item),
                        cell(item, "status"),
                        cell(item, "requested_by"),
                        cell_or_empty(item, "reason"),
                        cell_or_empty(item, "missing")};
           },
       .empty = "no requests wait; `millrace model requests --status all` shows the others"});
  return {};
}

Result<void> decide(const MoveArguments& arguments, const std::string& verb, const Options& options) {
  auto client = TRY(connect(options));
  return show_request(options,
                      client.post(api::target("/api/v1/model-requests/{}/", std::to_string(arguments.id)) + verb,
                                  {{"reason", arguments.reason}}));
}

void add_place(CLI::App* command, const Arguments& arguments) {
  command->add_option("--alias", arguments->alias, "The alias, e.g. champion")->type_name("NAME");
  command->add_option("--stage", arguments->stage, "The stage: Staging, Production or Archived")->type_name("STAGE");
}

void add_reason(CLI::App* command, const Arguments& arguments) {
  command->add_option("--reason", arguments->reason, "Why, for whoever reads it later")->type_name("TEXT");
}

void add_rule_verbs(CLI::App* noun, Options& options) {
  auto arguments = std::make_shared<MoveArguments>();
  auto* rule = add_verb(noun,
                        {"rule", "What a move of an alias or to a stage needs before it is made",
                         "millrace model rule delays --alias champion --gate --approvals 1\nmillrace model rule delays "
                         "--alias champion --remove"},
                        options, [arguments, &options] { return set_rule(*arguments, options); });
  rule->add_option("NAME", arguments->name, "The model")->required();
  add_place(rule, arguments);
  rule->add_flag("--gate", arguments->gate, "The newest gate decision on the version must be a pass");
  rule->add_option("--approvals", arguments->approvals, "By so many people, not whoever asks or registered the version")
      ->type_name("N");
  rule->add_option("--role", arguments->role, "What an approver is at least: deployer or admin")
      ->check(CLI::IsMember({"deployer", "admin"}))
      ->type_name("ROLE")
      ->capture_default_str();
  rule->add_flag("--remove", arguments->remove, "Take the rule away");
  auto* rules = add_verb(noun, {"rules", "The rules of a model", "millrace model rules delays"}, options,
                         [arguments, &options] { return list_rules(*arguments, options); });
  rules->add_option("NAME", arguments->name, "The model")->required();
}

void add_request_verbs(CLI::App* noun, Options& options) {
  auto arguments = std::make_shared<MoveArguments>();
  auto* ask = add_verb(noun,
                       {"request", "Ask for a move that needs more than you",
                        "millrace model request delays/4 --alias champion --reason \"better in winter\""},
                       options, [arguments, &options] { return request(*arguments, options); });
  ask->add_option("NAME", arguments->name, "The version, as NAME/VERSION")->required();
  add_place(ask, arguments);
  add_reason(ask, arguments);
  auto* list = add_verb(noun,
                        {"requests", "Requests that wait, or all of them, the newest first",
                         "millrace model requests\nmillrace model requests delays --status all"},
                        options, [arguments, &options] { return list_requests(*arguments, options); });
  list->add_option("NAME", arguments->name, "Only of this model");
  list->add_option("--status", arguments->status, "pending, applied, rejected, withdrawn, cancelled or all")
      ->type_name("STATUS");
  const std::pair<std::string, std::string> verbs[] = {
      {"approve", "Agree to a request; the version is moved when nothing is missing any more"},
      {"reject", "Turn a request down"},
      {"withdraw", "Take back your approval, or your request"}};
  for (const auto& [name, about] : verbs) {
    auto* verb = add_verb(noun, {name, about, fmt::format("millrace model {} 7 --reason \"...\"", name)}, options,
                          [arguments, name, &options] { return decide(*arguments, name, options); });
    verb->add_option("REQUEST", arguments->id, "Its number, as `millrace model requests` shows it")->required();
    add_reason(verb, arguments);
  }
}

}  // namespace

void add_model_moves(CLI::App* noun, Options& options) {
  add_rule_verbs(noun, options);
  add_request_verbs(noun, options);
}

}  // namespace millrace::cli
