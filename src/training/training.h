#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace millrace::duck {
class Connection;
}

namespace millrace::training {

// What to learn, and from what.
struct TrainRequest {
  std::vector<std::filesystem::path> parquet;  // the training set's files, one after the other
  std::vector<std::string> features;           // columns of numbers or booleans, in the model's order; null = missing
  std::string label;                           // rows without one are left out
  std::string event_time;                      // a timestamp column; needed for a holdout
  // The newest rows, by event time, that are kept for evaluation: those after the newest row's time less this.
  Duration holdout{0};
  int num_rounds = 100;
  // Stop when the holdout has not become better in so many rounds, and keep the best ones.
  std::optional<int> early_stopping_rounds;
  // XGBoost's own parameters by their names. Where they say nothing: objective binary:logistic, tree_method hist,
  // nthread 2, seed 0, and XGBoost's defaults.
  std::map<std::string, std::string> params;
};

// One boosting round's value of the objective's own metric ("logloss").
struct RoundMetric {
  int round = 0;  // from 0
  std::string metric;
  double train = 0;
  std::optional<double> holdout;
};

// Some rows with the predictions that XGBoost itself gives for them. Whoever loads the model must find the same.
struct GoldenRows {
  std::vector<std::vector<double>> rows;         // values in the order of the features, NaN = missing
  std::vector<std::vector<double>> predictions;  // one value a class; one where there are no classes
};

struct TrainResult {
  std::string model;  // the booster as UBJSON
  std::vector<std::string> features;
  std::map<std::string, std::string> params;  // as used, those of the request's own fields among them
  std::vector<RoundMetric> rounds;
  int best_round = 0;                        // the last one that the model has
  std::map<std::string, double> holdout;     // log_loss, roc_auc, brier_score, ... by what the objective predicts
  std::map<std::string, double> importance;  // total gain by feature; features that no split uses are 0
  std::int64_t train_rows = 0;
  std::int64_t holdout_rows = 0;
  std::int64_t rows_without_label = 0;
  std::optional<Timestamp> split;  // rows after it are the holdout
  GoldenRows golden;
};

// Called after each round, on the thread that trains.
using OnRound = std::function<void(const RoundMetric&)>;

// Trains with XGBoost. The same rows and parameters give the same bytes. kCancelled once `stop` was asked to stop,
// between two rounds; kInvalidArgument for columns or parameters that are not there; kFailedPrecondition where no row
// is left to train on.
//
// The process should run with OMP_WAIT_POLICY=passive: XGBoost's idle threads spin otherwise.
Result<TrainResult> train(duck::Connection& connection, const TrainRequest& request, std::stop_token stop = {},
                          const OnRound& on_round = {});

// {"params": ..., "metrics": ..., "rounds": [...], "importance": ..., "rows": ...}, for people and for gates.
Json report(const TrainResult& result);

struct ModelIdentity {
  std::string run_id;
  std::string model_uuid;  // 32 hexadecimal digits
  Timestamp created;
};

// Writes an MLmodel folder that MLflow loads (registry/mlmodel.h), with input_example/golden.json beside
// (docs/formats/golden.md). The same result gives the same bytes.
Result<void> write_model(const std::filesystem::path& folder, const TrainResult& result, const ModelIdentity& identity);

}  // namespace millrace::training
