#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "registry/entities.h"
#include "tracking/entities.h"
#include "tracking/evaluation/datasets.h"
#include "tracking/logged_models.h"
#include "tracking/traces/trace.h"
#include "tracking/traces/traces.h"

namespace millrace::transfer {

struct EvaluationSet {
  tracking::EvaluationDataset dataset;
  std::vector<tracking::EvaluationRecord> records;
};

// A trace, and what it is linked to.
struct TraceRecord {
  tracking::Trace trace;
  std::vector<std::string> run_ids;
  std::vector<tracking::PromptVersion> prompts;
};

// Points of one metric as columns. Times are microseconds since 1970.
struct Series {
  std::string key;
  std::vector<std::int64_t> timestamps;
  std::vector<std::int64_t> steps;
  std::vector<double> values;
};

// A file of a folder of artifacts.
struct SourceFile {
  std::string path;  // relative to the folder
  std::uint64_t size = 0;
  Timestamp modified;  // where that is known
};

// What a source holds and a Millrace has no place for.
struct LeftBehind {
  std::string what;  // "scorers"
  std::int64_t count = 0;
};

// Where records come from: another server, or the files that one keeps. All of it, deleted things too; ids, URIs and
// times as they are there. A record that goes while it is read is kNotFound; kUnavailable for what may be back soon.
// One thread at a time.
class Source {
 public:
  virtual ~Source() = default;
  // What messages call it: a file, a folder, or a URI without password.
  virtual const std::string& place() const = 0;

  virtual Result<std::vector<tracking::Experiment>> experiments() = 0;
  // Oldest first.
  virtual Result<std::vector<std::string>> run_ids(const std::string& experiment_id) = 0;
  // Without its metrics.
  virtual Result<tracking::Run> run(const std::string& id) = 0;
  virtual Result<std::map<std::string, std::int64_t>> count_points(const std::string& run_id) = 0;
  // By timestamp, step and value.
  virtual Result<std::vector<tracking::Metric>> points(const std::string& run_id, const std::string& key) = 0;
  virtual Result<std::vector<std::string>> logged_model_ids(const std::string& experiment_id) = 0;
  virtual Result<tracking::LoggedModel> logged_model(const std::string& id) = 0;
  virtual Result<std::vector<std::string>> trace_ids(const std::string& experiment_id) = 0;
  virtual Result<TraceRecord> trace(const std::string& id) = 0;
  virtual Result<std::vector<EvaluationSet>> evaluation_sets() = 0;

  virtual Result<std::vector<registry::Model>> models() = 0;
  // Rising.
  virtual Result<std::vector<registry::ModelVersion>> versions(const std::string& model) = 0;

  // The files of a folder of artifacts, by path; nothing where the folder is not to be had from here.
  virtual Result<std::optional<std::vector<SourceFile>>> files(const std::string& uri) = 0;
  // One of them as a file of this machine, good until the next call.
  virtual Result<std::filesystem::path> fetch(const std::string& uri, const SourceFile& file) = 0;

  virtual Result<std::vector<LeftBehind>> left_behind() = 0;
};

// An MLflow's database (sqlite:///FILE, postgresql://...), its file store (a folder, file:///FOLDER) or a Millrace
// server (http://, https://). `artifacts`: the folder that "mlflow-artifacts:/" means, "" if that is
// not known. kNotFound where there is none; kFailedPrecondition for a database of an MLflow that is too old or too new.
struct SourceOptions {
  std::string uri;
  std::filesystem::path artifacts;
  std::string token;    // for a server
  std::string ca_file;  // for a server
};
// How long the records are looked at: a whole import sees one moment; a sync reads record by record, so that whoever
// writes meanwhile never waits.
enum class View { kOneMoment, kRecordByRecord };
Result<std::unique_ptr<Source>> open_source(const SourceOptions& options, View view);

}  // namespace millrace::transfer
