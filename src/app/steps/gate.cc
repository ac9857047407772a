#include "delivery/gate.h"

#include <nlohmann/json.hpp>

#include "app/steps/step.h"
#include "monitoring/performance.h"

namespace millrace::app {
namespace {

using delivery::GateEvidence;
using delivery::GateSpec;

Result<GateSpec> spec_of(StepRun& run) {
  GateSpec spec{.metric = TRY(run.string_or("metric", "log_loss")),
                .margin = TRY(run.number_or("margin", 0)),
                .min_rows = TRY(run.integer_or("min_rows", 1)),
                .min_standard_errors = TRY(run.number_or("min_standard_errors", 0))};
  auto direction = monitoring::metric_direction(spec.metric);
  if (!direction)
    return invalid_argument("`metric: {}` is not one of {}", spec.metric, fmt::join(monitoring::metric_names(), ", "));
  spec.direction = *direction == monitoring::Better::kLower ? delivery::Direction::kLowerIsBetter
                                                            : delivery::Direction::kHigherIsBetter;
  return spec;
}

GateEvidence evidence_of(const Json& evaluation, const Json& version, const std::string& metric) {
  GateEvidence evidence{
      .rows = evaluation.at("rows"),
      .challenger = evaluation.at("challenger").value(metric, std::numeric_limits<double>::quiet_NaN()),
      .champion = std::nullopt,
      .challenger_version = fmt::format("v{}", version.at("version").get<std::int64_t>())};
  if (!evaluation.at("champion").is_object()) return evidence;
  evidence.champion = evaluation["champion"].value(metric, std::numeric_limits<double>::quiet_NaN());
  evidence.champion_version = "v" + evaluation.value("champion_version", "");
  if (metric == "log_loss" && evaluation.contains("log_loss_difference")) {
    const auto& losses = evaluation["log_loss_difference"];
    evidence.losses = delivery::PairedDifference{
        .rows = losses.at("rows"),
        .mean = losses.at("mean").is_number() ? losses["mean"].get<double>() : std::numeric_limits<double>::quiet_NaN(),
        .standard_error = losses.at("standard_error").is_number() ? losses["standard_error"].get<double>()
                                                                  : std::numeric_limits<double>::quiet_NaN()};
  }
  return evidence;
}

}  // namespace

Result<void> run_gate(StepRun& run) {
  auto evaluation = TRY(run.read_input("evaluation"));
  auto version = TRY(run.read_input("version"));
  auto spec = TRY(spec_of(run));
  auto evidence = evidence_of(evaluation, version, spec.metric);
  auto decision = delivery::decide_gate(spec, evidence);
  StepRun::say(decision.reason);
  if (std::isnan(evidence.challenger))
    return failed_precondition("the evaluation has no {}; {}", spec.metric, decision.reason);
  Json record{{"key", run.key("gate")},
              {"model", version.at("model")},
              {"version", version.at("version")},
              {"pipeline_run", run.context().pipeline_run_id},
              {"metric", spec.metric},
              {"challenger", evidence.challenger},
              {"champion", evidence.champion ? Json(*evidence.champion) : Json(nullptr)},
              {"margin", spec.margin},
              {"rows", evidence.rows},
              {"passed", decision.passed},
              {"reason", decision.reason},
              {"evidence", evaluation},
              {"event_time", format_time(run.context().event_time)}};
  if (evidence.champion) record["champion_version"] = std::stoll(evaluation.value("champion_version", "0"));
  auto stored = TRY(run.api().post("/api/v1/gates", record));
  TRY(run.write_result({{"passed", stored["passed"]}, {"reason", stored["reason"]}}));
  return run.write_output("decision", stored);
}

}  // namespace millrace::app
