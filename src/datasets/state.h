#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "datasets/catalog.h"
#include "datasets/datasets.h"
#include "datasets/expectation_plan.h"
#include "datasets/log_syncer.h"
#include "datasets/push_log.h"
#include "datasets/row_judge.h"

namespace millrace::datasets {

// What a dataset is at present; replaced whole when its spec changes.
struct Definition {
  DatasetSpec spec;
  bool is_log = false;
  std::vector<ExpectationPlan> plans;
  std::unique_ptr<RowJudge> row_judge;  // of pushed rows
};

struct Entry {
  std::mutex ingest_mutex;          // one batch after another; taken before rows_mutex
  std::mutex rows_mutex;            // rows reach listeners in order; also guards what follows
  std::unique_ptr<PushLog> pushes;  // made with the first push, or found at open

  std::shared_ptr<const Definition> definition() const { return definition_.load(); }
  void define(std::shared_ptr<const Definition> definition) { definition_.store(std::move(definition)); }

 private:
  std::atomic<std::shared_ptr<const Definition>> definition_;
};

struct Datasets::State {
  State(const Foundation& foundation, Catalog catalog) : foundation(foundation), catalog(catalog) {}

  Foundation foundation;
  Catalog catalog;
  mutable std::shared_mutex mutex;  // guards entries
  std::map<std::string, std::shared_ptr<Entry>, std::less<>> entries;
  std::mutex listeners_mutex;
  std::vector<Listener> listeners;
  std::atomic<std::int64_t> scratch_files{0};
  LogSyncer log_syncer;

  Result<std::shared_ptr<Entry>> find(std::string_view name) const;
  std::filesystem::path folder(std::string_view dataset) const { return foundation.home / "datasets" / dataset; }
  std::filesystem::path scratch_file(std::string_view extension);
  // The dataset's push log, with its rows_mutex held; nullptr where nothing was pushed and none is wanted.
  enum class Make { kYes, kIfPushed };
  Result<PushLog*> push_log(Entry& entry, const DatasetSpec& spec, Make make);
  bool has_listeners();
  void tell(const std::string& dataset, const RowBlock& rows, RowSource source);

  // Creates or changes; see Datasets::apply.
  Result<void> apply(DatasetSpec spec, bool is_log);

  // Paths of a version's segments.
  Result<Version> locate(Version version) const;
};

// A dataset's next version, made of Parquet files that lie in the scratch folder.
struct NewSegment {
  std::string dataset;
  std::string batch_id;
  Timestamp event_time;                   // of the version
  std::filesystem::path rows_file;        // moved into the store
  std::filesystem::path quarantine_file;  // empty where no row was set aside
  std::int64_t rows = 0;
  std::int64_t quarantined = 0;
  Timestamp min_event_time;
  Timestamp max_event_time;
  std::string batch_profile_state;
  std::string validation = "{}";
  std::optional<std::int64_t> log_sequence;
};

// Moves the files into the store and records the version, its lineage and its event in one transaction.
Result<Version> record_version(Datasets::State& state, const DatasetSpec& spec, const NewSegment& segment);

}  // namespace millrace::datasets
