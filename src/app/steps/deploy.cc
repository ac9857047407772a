#include <nlohmann/json.hpp>

#include "app/steps/step.h"

namespace millrace::app {
namespace {

Result<void> tag(StepRun& run, const Json& version, std::string_view outcome) {
  auto target = api::target("/api/v1/models/{}/versions/{}/tags", version.at("model").get<std::string>(),
                            std::to_string(version.at("version").get<std::int64_t>()));
  TRY(run.api().patch(target, {{"millrace.gate", outcome}}));
  return {};
}

enum class Moved { kDone, kAskedFor };

// Where the alias's rule wants more than a passed gate, people are asked; the version is moved when they have agreed.
Result<Moved> ask(StepRun& run, const Json& version, Json move, const Error& refusal) {
  auto target = api::target("/api/v1/models/{}/requests", version.at("model").get<std::string>());
  auto request = run.api().post(target, move);
  if (!request) return std::unexpected(refusal);
  StepRun::say(fmt::format("request {}: {}", (*request)["id"].get<std::int64_t>(), refusal.message));
  return Moved::kAskedFor;
}

Result<Moved> set_alias(StepRun& run, const Json& version, const std::string& alias, const std::string& reason) {
  auto target = api::target("/api/v1/models/{}/aliases/{}", version.at("model").get<std::string>(), alias);
  Json move{{"version", version.at("version")}, {"reason", reason}, {"pipeline_run", run.context().pipeline_run_id}};
  auto moved = run.api().put(target, move);
  if (!moved && moved.error().code == Code::kPermissionDenied) {
    move["alias"] = alias;
    return ask(run, version, std::move(move), moved.error());
  }
  if (!moved) return std::unexpected(moved.error());
  StepRun::say(fmt::format("alias {} of model {} is version {}", alias, version.at("model").get<std::string>(),
                           version.at("version").get<std::int64_t>()));
  return Moved::kDone;
}

}  // namespace

// `first_alias` names an alias that is set once, by the first version that is deployed, and stays there.
Result<void> run_deploy(StepRun& run) {
  auto decision = TRY(run.read_input("decision"));
  auto version = TRY(run.read_input("version"));
  auto reason = decision.at("reason").get<std::string>();
  if (!decision.at("passed").get<bool>()) {
    StepRun::say(fmt::format("version {} stays where it is: {}", version.at("version").get<std::int64_t>(), reason));
    TRY(tag(run, version, "rejected"));
    return run.write_result({{"deployed", false}, {"reason", reason}});
  }
  auto first = TRY(run.string_or("first_alias", ""));
  if (!first.empty()) {
    auto there =
        run.api().get(api::target("/api/v1/models/{}/aliases/{}", version.at("model").get<std::string>(), first));
    if (!there && there.error().code != Code::kNotFound) return std::unexpected(there.error());
    if (!there) TRY(set_alias(run, version, first, "the first version"));
  }
  TRY(tag(run, version, "passed"));
  const auto moved = TRY(set_alias(run, version, TRY(run.string_or("alias", "champion")), reason));
  return run.write_result({{"deployed", moved == Moved::kDone}, {"reason", reason}});
}

}  // namespace millrace::app
