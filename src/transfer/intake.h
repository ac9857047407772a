#pragma once

#include <string>

#include "registry/registry.h"
#include "tracking/evaluation/datasets.h"
#include "tracking/intake.h"
#include "tracking/logged_models.h"
#include "tracking/traces/traces.h"
#include "tracking/tracking.h"
#include "transfer/target.h"

namespace millrace::blob {
class Store;
}

namespace millrace::transfer {

// The table of fingerprints.
Result<void> migrate(db::Database& database);

// A Millrace of this process, as a target. Cheap to make; what it uses outlives it.
class Intake final : public Target {
 public:
  struct Parts {
    db::Database& database;
    blob::Store& blobs;
    tracking::Store& tracking;
    tracking::LoggedModels& logged_models;
    tracking::Traces& traces;
    tracking::EvaluationDatasets& evaluation_datasets;
    registry::Store& registry;
    lineage::Store& lineage;
    const Clock& clock;
    events::Log* events = nullptr;  // none: nobody hears of what comes
  };
  explicit Intake(Parts parts);

  const std::string& place() const override;
  Result<std::map<std::string, std::string>> fingerprints(Kind kind, const std::vector<std::string>& ids) override;
  Result<void> remember(Kind kind, const std::string& id, const std::string& fingerprint) override;
  Result<std::string> put_experiment(const tracking::Experiment& experiment) override;
  Result<void> put_experiment_stage(const std::string& id, tracking::LifecycleStage stage) override;
  Result<HeldRun> held_run(const std::string& id) override;
  Result<std::string> put_run(const tracking::Run& run) override;
  Result<std::map<std::string, std::int64_t>> put_points(const std::string& run_id,
                                                         const std::vector<Series>& series) override;
  Result<std::string> put_logged_model(const tracking::LoggedModel& model) override;
  Result<void> put_trace(const TraceRecord& record) override;
  Result<void> put_evaluation_set(const EvaluationSet& set) override;
  Result<void> put_model(const registry::Model& model) override;
  Result<std::int64_t> put_version(const registry::ModelVersion& version, const std::string& key) override;
  Result<void> put_alias(const std::string& model, const registry::Alias& alias) override;
  Result<bool> put_file(const std::string& folder_uri, const std::string& path,
                        const std::filesystem::path& file) override;

 private:
  Result<std::string> storage_of(const registry::ModelVersion& version);
  void describe(registry::ModelVersion& version);

  Parts parts_;
  tracking::Intake intake_;
};

}  // namespace millrace::transfer
