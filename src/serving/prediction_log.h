#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "datasets/log_dataset.h"
#include "serving/tensor.h"
#include "sql/value.h"

namespace millrace::serving {

// What the rows of an endpoint's prediction log are made of.
struct PredictionSchema {
  std::vector<duck::ColumnType> inputs;  // what a request carries
  std::vector<std::string> features;     // the vector that the models score
  std::vector<TensorSpec> outputs;
  struct Shadow {
    std::string alias;
    std::vector<TensorSpec> outputs;
    bool operator==(const Shadow&) const = default;
  };
  std::vector<Shadow> shadows;
  bool operator==(const PredictionSchema&) const = default;
};

// One prediction.
struct PredictionRow {
  std::string_view id;
  Timestamp event_time;
  Timestamp served_at;
  std::int64_t version = 0;
  std::string_view route;
  std::int64_t latency_us = 0;
  std::span<const sql::Value> inputs;
  std::span<const double> features;        // NaN is logged as null
  std::span<const sql::Value> prediction;  // as append_logged() gives them, one output after the other
  std::span<const sql::Value> shadows;     // likewise, one shadow after the other; null where it was not scored
};

// What shadows gave for a request whose predictions are in the log already.
struct LaterShadows {
  struct Scored {
    std::string_view alias;
    std::span<const Tensor> outputs;
  };
  std::string_view id;  // of the request
  Timestamp event_time;
  std::size_t rows = 0;
  std::vector<Scored> shadows;
};

// The dataset ENDPOINT.predictions:
//   id, event_time, served_at, version, route, latency_us, the inputs, the features, prediction, shadow_ALIAS
// The only output of a model is "prediction", one of several "prediction_OUTPUT"; one of several values has
// prediction_0, prediction_1, ... (logged_tensor.h says how tensors stand in columns). An input that bears a feature's
// name stands as input_NAME; any name taken by a column before it has "_" added. Columns that an earlier schema had and
// this one lacks stay, and are null.
class PredictionLog {
 public:
  static Result<std::unique_ptr<PredictionLog>> open(datasets::Datasets& datasets, const std::string& endpoint,
                                                     PredictionSchema schema);

  // Goes on with another schema, or, where that cannot be had, with the one before. Nobody may be appending.
  Result<void> change(PredictionSchema schema);

  // Thread-safe, without a lock; durable against the death of the process when it returns.
  Result<void> append(const PredictionRow& row);
  // Brings them to their rows, as long as those are in no version yet; a shadow that the schema has no more is left
  // out. Beside everything else.
  Result<void> add_shadows(const LaterShadows& later);
  // Makes a dataset version of what was appended. Beside append() and change().
  Result<void> commit();

  // For rows that are committed elsewhere (LogDataset). Beside append() and change().
  Result<std::vector<datasets::SealedFile>> seal();
  Result<void> drop(std::int64_t through_sequence);
  Result<std::int64_t> take(std::string_view file);
  const PredictionSchema& schema() const { return schema_; }
  // The columns that hold the features, in their order.
  const std::vector<std::string>& feature_columns() const { return feature_columns_; }

 private:
  // Where a column's values come from.
  struct Source {
    enum class Kind : std::uint8_t {
      kNothing,
      kId,
      kEventTime,
      kServedAt,
      kVersion,
      kRoute,
      kLatency,
      kInput,
      kFeature,
      kPrediction,
      kShadow
    };
    Kind kind = Kind::kNothing;
    std::size_t index = 0;
  };
  struct Plan;

  PredictionLog(datasets::Datasets& datasets, std::string endpoint)
      : datasets_(datasets), endpoint_(std::move(endpoint)) {}
  Result<void> use(PredictionSchema schema);
  static Plan plan(const PredictionSchema& schema);
  static datasets::Value value(const Source& source, const PredictionRow& row);
  static datasets::Value value_of_shadows(const Source& source, const PredictionRow& row);

  datasets::Datasets& datasets_;
  std::string endpoint_;
  PredictionSchema schema_;
  std::vector<Source> sources_;
  std::vector<std::string> feature_columns_;
  std::mutex reopening_;  // held while the dataset must stay, or goes
  std::unique_ptr<datasets::LogDataset> log_;
};

// The id of a request's row: its own, or where there are several "ID.ROW".
std::string row_id(std::string_view id, std::size_t row, std::size_t rows);

// "ENDPOINT.predictions"
std::string prediction_log_name(std::string_view endpoint);

}  // namespace millrace::serving
