#include <csignal>
#include <nlohmann/json.hpp>

#include "app/steps/step.h"
#include "base/files.h"
#include "base/hash.h"
#include "training/training.h"

namespace millrace::app {
namespace {

using training::TrainRequest;
using training::TrainResult;

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : dump_json(value); }

// What the step `features` left beside its rows says which columns are what.
Result<TrainRequest> request_for(StepRun& run, const std::filesystem::path& folder, const Json& about) {
  TrainRequest request{.parquet = {folder / "data.parquet"},
                       .features = about.at("features").get<std::vector<std::string>>(),
                       .label = about.at("label"),
                       .event_time = "event_time",
                       .holdout = TRY(run.duration_or("holdout", Duration{0})),
                       .num_rounds = static_cast<int>(TRY(run.integer_or("num_rounds", 100)))};
  if (auto rounds = TRY(run.integer_or("early_stopping_rounds", 0)); rounds > 0)
    request.early_stopping_rounds = static_cast<int>(rounds);
  auto params = run.value("params");
  if (!params.is_null() && !params.is_object())
    return invalid_argument("`params` must be a mapping of XGBoost's parameters");
  for (const auto& [name, value] : params.items()) request.params[name] = text_of(value);
  return request;
}

Json metrics_of(const TrainResult& result, Timestamp at) {
  auto metrics = Json::array();
  auto add = [&](std::string_view key, double value, std::int64_t step) {
    metrics.push_back({{"key", key}, {"value", value}, {"timestamp", format_time(at)}, {"step", step}});
  };
  for (const auto& round : result.rounds) {
    add("train_" + round.metric, round.train, round.round);
    if (round.holdout) add("holdout_" + round.metric, *round.holdout, round.round);
  }
  for (const auto& [name, value] : result.holdout) add("holdout_" + name, value, result.best_round);
  add("train_rows", static_cast<double>(result.train_rows), 0);
  return metrics;
}

Result<std::string> create_run(StepRun& run, const Json& about) {
  const auto& context = run.context();
  auto created = TRY(run.api().post(
      "/api/v1/runs", {{"experiment", TRY(run.string_or("experiment", context.pipeline))},
                       {"name", fmt::format("{}-{}", context.pipeline, context.pipeline_run_id.substr(0, 8))},
                       {"key", run.key("run")},
                       {"start_time", format_time(context.event_time)},
                       {"tags",
                        {{"millrace.pipeline", context.pipeline},
                         {"millrace.pipeline_run", context.pipeline_run_id},
                         {"millrace.project", context.project},
                         {"millrace.commit", about.value("commit", "")},
                         {"millrace.feature_service", about.value("service", "")},
                         {"millrace.feature_definitions", about.value("definitions_hash", "")},
                         {"millrace.datasets", dump_json(about.value("datasets", Json::object()))},
                         {"millrace.training_set", TRY(run.input("training_set"))->hash}}}}));
  return created.at("id").get<std::string>();
}

Result<void> log_result(StepRun& run, const std::string& id, const TrainResult& result) {
  auto at = run.context().event_time;
  TRY(run.api().post(api::target("/api/v1/runs/{}/log", id),
                     {{"metrics", metrics_of(result, at)}, {"params", result.params}}));
  TRY(run.api().patch(api::target("/api/v1/runs/{}", id), {{"status", "FINISHED"}, {"end_time", format_time(at)}}));
  return {};
}

}  // namespace

Result<void> run_train(StepRun& run) {
  std::filesystem::path folder = TRY(run.input("training_set"))->path;
  auto about = TRY(parse_json(TRY(read_file(folder / "training_set.json"))));
  auto request = TRY(request_for(run, folder, about));
  auto id = TRY(create_run(run, about));
  auto connection = TRY(run.connect());
  auto result = TRY(training::train(connection, request, {}, [&](const training::RoundMetric& round) {
    if (round.round % 10 == 0)
      StepRun::say(fmt::format("round {}: train {} {:.5f}{}", round.round, round.metric, round.train,
                               round.holdout ? fmt::format(", holdout {:.5f}", *round.holdout) : ""));
  }));
  auto output = TRY(run.output("model"));
  TRY(make_directories(output));
  TRY(training::write_model(
      output, result,
      {.run_id = id, .model_uuid = sha256(run.key("model")).substr(0, 32), .created = run.context().event_time}));
  TRY(log_result(run, id, result));
  auto report = training::report(result);
  report["run_id"] = id;
  report["training_set"] = about;
  TRY(run.write_result({{"run_id", id}, {"train_rows", result.train_rows}, {"holdout", result.holdout}}));
  return run.write_output("report", report);
}

}  // namespace millrace::app
