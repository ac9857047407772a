#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "registry/mlmodel.h"
#include "training/booster.h"
#include "training/training.h"

namespace millrace::training {
namespace {

constexpr std::size_t kExampleRows = 5;

registry::Signature signature_of(const TrainResult& result) {
  registry::Signature signature;
  for (const std::string& feature : result.features) signature.inputs.push_back({.name = feature});
  signature.outputs.push_back({.name = "", .type = registry::DataType::kFloat});
  return signature;
}

// The first rows without a missing value; or the first ones at all.
Json example_rows(const GoldenRows& golden) {
  Json rows = Json::array();
  for (const auto& row : golden.rows) {
    if (rows.size() < kExampleRows && std::ranges::none_of(row, [](double v) { return std::isnan(v); }))
      rows.push_back(row);
  }
  for (std::size_t row = 0; rows.empty() && row < std::min(kExampleRows, golden.rows.size()); ++row) {
    rows.push_back(golden.rows[row]);
  }
  return rows;
}

}  // namespace

Json report(const TrainResult& result) {
  Json rounds = Json::array();
  for (const RoundMetric& round : result.rounds) {
    Json entry = {{"round", round.round}, {"metric", round.metric}, {"train", round.train}};
    if (round.holdout) entry["holdout"] = *round.holdout;
    rounds.push_back(std::move(entry));
  }
  Json report = {
      {"params", result.params},
      {"features", result.features},
      {"rows",
       {{"train", result.train_rows}, {"holdout", result.holdout_rows}, {"without_label", result.rows_without_label}}},
      {"best_round", result.best_round},
      {"holdout", result.holdout},
      {"importance", result.importance},
      {"rounds", std::move(rounds)}};
  if (result.split) report["split"] = format_time(*result.split);
  return report;
}

Result<void> write_model(const std::filesystem::path& folder, const TrainResult& result,
                         const ModelIdentity& identity) {
  TRY(make_directories(folder / "input_example"));
  TRY(write_file(folder / "model.ubj", result.model));
  const Json golden = {
      {"features", result.features}, {"rows", result.golden.rows}, {"predictions", result.golden.predictions}};
  TRY(write_file(folder / "input_example" / "golden.json", dump_json(golden) + "\n"));
  const Json example = {{"columns", result.features}, {"data", example_rows(result.golden)}};
  return registry::write_mlmodel(folder, {.data = "model.ubj",
                                          .xgboost_version = xgboost_version(),
                                          .signature = signature_of(result),
                                          .run_id = identity.run_id,
                                          .model_uuid = identity.model_uuid,
                                          .created = identity.created,
                                          .input_example = dump_json(example)});
}

}  // namespace millrace::training
