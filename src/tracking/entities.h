#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace millrace::tracking {

// All of these have MLflow's meanings.

enum class RunStatus { kRunning, kScheduled, kFinished, kFailed, kKilled };
std::string_view to_text(RunStatus status);  // "FINISHED"
bool from_text(std::string_view text, RunStatus& status);
bool is_final(RunStatus status);  // the run has ended

enum class LifecycleStage { kActive, kDeleted };
std::string_view to_text(LifecycleStage stage);  // "active"
bool from_text(std::string_view text, LifecycleStage& stage);

struct Tag {
  std::string key;
  std::string value;
};

struct Param {
  std::string key;
  std::string value;
};

struct Metric {
  std::string key;
  double value = 0;  // NaN is kept; an infinity becomes the largest finite number of its sign
  Timestamp timestamp;
  std::int64_t step = 0;
  std::string model_id;        // not empty: the metric is also one of this logged model,
  std::string dataset_name;    // measured on this dataset, where it is known
  std::string dataset_digest;  //
};

// One value of a metric; the order of a history.
struct Point {
  Timestamp timestamp;
  std::int64_t step = 0;
  double value = 0;
};

struct Dataset {
  std::string name;
  std::string digest;
  std::string source_type;
  std::string source;
  std::optional<std::string> schema;
  std::optional<std::string> profile;
};

// A dataset that a run has read. The tag mlflow.data.context says what for.
struct DatasetInput {
  Dataset dataset;
  std::vector<Tag> tags;  // by key
};

struct ModelOutput {
  std::string model_id;
  std::int64_t step = 0;
};

// A dataset of an experiment's runs, and what it was read for.
struct DatasetSummary {
  std::string experiment_id;
  std::string name;
  std::string digest;
  std::optional<std::string> context;
};

struct Experiment {
  std::string id;  // digits
  std::string name;
  std::string artifact_location;  // a URI
  LifecycleStage lifecycle_stage = LifecycleStage::kActive;
  Timestamp creation_time;
  Timestamp last_update_time;
  std::vector<Tag> tags;  // by key
};

struct Run {
  std::string id;
  std::string experiment_id;
  std::string name;
  RunStatus status = RunStatus::kRunning;
  Timestamp start_time;
  std::optional<Timestamp> end_time;
  LifecycleStage lifecycle_stage = LifecycleStage::kActive;
  std::optional<Timestamp> deleted_time;
  std::string artifact_uri;
  std::string user_id;
  std::vector<Param> params;    // by key
  std::vector<Metric> metrics;  // the latest of each key: the greatest (step, timestamp, value); by key
  std::vector<Tag> tags;        // by key
  std::vector<DatasetInput> inputs;
  std::vector<std::string> model_inputs;  // ids of logged models
  std::vector<ModelOutput> model_outputs;
};

enum class View { kActiveOnly, kDeletedOnly, kAll };

}  // namespace millrace::tracking
