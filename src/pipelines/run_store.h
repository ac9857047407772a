#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/page.h"
#include "base/result.h"
#include "base/time.h"
#include "db/db.h"
#include "jobs/job.h"
#include "pipelines/pipelines.h"
#include "pipelines/plan.h"

namespace millrace::pipelines {

// A row of pipeline_runs.
struct RunRow {
  std::int64_t number = 0;
  std::string id;
  std::string pipeline;
  std::string key;
  RunStatus status = RunStatus::kQueued;
  std::string document;
  std::string project;
  std::string directory;
  std::string params;  // JSON object
  std::string pins;    // JSON object of resolved inputs by reference text
  Timestamp event_time;
  std::string cause;
  int concurrency = 1;
  bool cancel_requested = false;
  std::string error;
  Timestamp created;
  std::optional<Timestamp> started;
  std::optional<Timestamp> finished;
};

// A row of pipeline_steps; JSON objects of resolved inputs by name.
struct StepRow {
  std::size_t position = 0;
  std::string name;
  StepStatus status = StepStatus::kPending;
  std::optional<jobs::JobId> job;
  std::string cached_from;
  std::string inputs;
  std::string outputs;
  std::string result;
  std::string error;
  std::string cache_key;
  std::optional<Timestamp> started;
  std::optional<Timestamp> finished;
};

// An earlier success under a cache key.
struct CacheEntry {
  std::string run;
  std::string outputs;
  std::string result;
};

// The tables of the engine. What changes a run takes the caller's transaction.
class RunStore {
 public:
  static Result<RunStore> open(db::Database& database);
  // Steps on the way are kRelaxed: a loss of power may take the newest of them, and they are done again.
  Result<db::Transaction> begin(db::Durability durability) { return database_->begin(durability); }

  Result<std::optional<std::string>> find_key(db::Transaction& tx, const std::string& pipeline, const std::string& key);
  Result<void> insert(db::Transaction& tx, const RunRow& run, const std::vector<StepSpec>& steps);
  Result<void> update_run(db::Transaction& tx, const RunRow& run);
  Result<void> update_step(db::Transaction& tx, const std::string& run, const StepRow& step);
  Result<void> remember(db::Transaction& tx, const std::string& run, const StepRow& step);
  Result<void> request_cancel(const std::string& run);

  Result<RunRow> find(const std::string& id);
  Result<std::vector<StepRow>> steps(const std::string& run);
  Result<std::vector<RunRow>> active();  // oldest first
  Result<std::int64_t> count_active();
  Result<Page<RunRow>> list(const RunFilter& filter, const PageRequest& page);
  Result<std::optional<CacheEntry>> find_cached(const std::string& cache_key);

 private:
  explicit RunStore(db::Database& database) : database_(&database) {}

  db::Database* database_;
};

}  // namespace millrace::pipelines
