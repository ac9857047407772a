#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "transfer/source.h"

namespace millrace::transfer {

// What a target remembers of records that it took: of each kind, by their ids.
enum class Kind { kExperiment, kRun, kLoggedModel, kTrace, kEvaluationSet, kModel, kVersion };
std::string_view to_text(Kind kind);  // "run", as in the target's API
bool from_text(std::string_view text, Kind& kind);

inline constexpr std::size_t kMostAsked = 1000;

// A run as the target has it.
struct HeldRun {
  bool there = false;
  std::map<std::string, std::int64_t> points;  // of each metric
};

// A Millrace that takes records over, each whole and under its own id. All may be told again: nothing is doubled, what
// only the target knows stays. Once a record has come whole, a fingerprint of what it was made of is left with the
// target, so that it need not be told again. kUnavailable for what may work later. One thread at a time.
class Target {
 public:
  virtual ~Target() = default;
  virtual const std::string& place() const = 0;

  // Those of the records, at most kMostAsked, that have one.
  virtual Result<std::map<std::string, std::string>> fingerprints(Kind kind, const std::vector<std::string>& ids) = 0;
  virtual Result<void> remember(Kind kind, const std::string& id, const std::string& fingerprint) = 0;

  // By its name: made where there is none, else its tags are set. Answers its id here. kFailedPrecondition for one that
  // is deleted here and not there.
  virtual Result<std::string> put_experiment(const tracking::Experiment& experiment) = 0;
  virtual Result<void> put_experiment_stage(const std::string& id, tracking::LifecycleStage stage) = 0;
  virtual Result<HeldRun> held_run(const std::string& id) = 0;
  // Into its experiment_id, which is one of here. Where artifact_uri is empty, its artifacts are below the
  // experiment's; answers where.
  virtual Result<std::string> put_run(const tracking::Run& run) = 0;
  // Answers how many points the run's metrics have then.
  virtual Result<std::map<std::string, std::int64_t>> put_points(const std::string& run_id,
                                                                 const std::vector<Series>& series) = 0;
  virtual Result<std::string> put_logged_model(const tracking::LoggedModel& model) = 0;
  virtual Result<void> put_trace(const TraceRecord& record) = 0;
  virtual Result<void> put_evaluation_set(const EvaluationSet& set) = 0;
  virtual Result<void> put_model(const registry::Model& model) = 0;
  // Known by `key`; answers the number it has here.
  virtual Result<std::int64_t> put_version(const registry::ModelVersion& version, const std::string& key) = 0;
  virtual Result<void> put_alias(const std::string& model, const registry::Alias& alias) = 0;

  // A file at a path below a folder of the target's artifacts. Answers false where those bytes were there already.
  virtual Result<bool> put_file(const std::string& folder_uri, const std::string& path,
                                const std::filesystem::path& file) = 0;
};

}  // namespace millrace::transfer
