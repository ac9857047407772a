#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/page.h"
#include "base/result.h"
#include "base/time.h"
#include "tracking/entities.h"
#include "tracking/model_search.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db

namespace millrace::tracking {

enum class ModelStatus { kUnspecified, kPending, kReady, kUploadFailed };
std::string_view to_text(ModelStatus status);  // "LOGGED_MODEL_READY"
bool from_text(std::string_view text, ModelStatus& status);

struct NewLoggedModel {
  std::string experiment_id;
  std::optional<std::string> name;  // default: one made from the id
  std::string model_type;
  std::string source_run_id;
  std::vector<Param> params;
  std::vector<Tag> tags;
};

// A value that a model had on a dataset, as a run measured it.
struct ModelMetric {
  Metric metric;
  std::string run_id;
};

struct LoggedModel {
  std::string id;  // "m-" and 32 hexadecimal digits
  std::string experiment_id;
  std::string name;
  Timestamp creation_time;
  Timestamp last_update_time;
  std::string artifact_uri;
  ModelStatus status = ModelStatus::kPending;
  std::string status_message;
  std::string model_type;
  std::string source_run_id;
  LifecycleStage lifecycle_stage = LifecycleStage::kActive;
  std::vector<Param> params;         // by key
  std::vector<Tag> tags;             // by key
  std::vector<ModelMetric> metrics;  // by key, timestamp, step
};

enum class Deleted { kHidden, kShown };

// The models that runs have logged, as MLflow 3 knows them: not yet registered. Thread-safe. Errors are in MLflow's
// words; an unknown id is kNotFound. Its tables are those of tracking::Store, which is opened first.
class LoggedModels {
 public:
  LoggedModels(db::Database& database, const Clock& clock, IdSource& ids)
      : database_(database), clock_(clock), ids_(ids) {}

  Result<LoggedModel> create(const NewLoggedModel& model);
  Result<LoggedModel> find(std::string_view id, Deleted deleted = Deleted::kHidden) const;
  // Newest first, unless another order is asked for; without deleted ones.
  Result<Page<LoggedModel>> search(const ModelSearch& asked) const;
  Result<LoggedModel> set_status(std::string_view id, ModelStatus status);
  // What is there already keeps its value: kInvalidArgument for another one.
  Result<void> log_params(std::string_view id, const std::vector<Param>& params);
  Result<void> set_tags(std::string_view id, const std::vector<Tag>& tags);
  Result<void> delete_tag(std::string_view id, std::string_view key);
  // It is hidden, its rows stay.
  Result<void> remove(std::string_view id);

 private:
  // In the order of their numbers.
  Result<std::vector<LoggedModel>> load(const std::vector<std::int64_t>& numbers) const;

  db::Database& database_;
  const Clock& clock_;
  IdSource& ids_;
};

// Adds a metric of `metric.model_id` that a run has measured.
Result<void> log_model_metric(db::Transaction& tx, std::string_view run_id, const Metric& metric);

}  // namespace millrace::tracking
