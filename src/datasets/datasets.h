#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "datasets/dataset_spec.h"
#include "datasets/version.h"
#include "duck/duck.h"

namespace millrace::db {
class Database;
}
namespace millrace::blob {
class Store;
}
namespace millrace::events {
class Log;
}

namespace millrace::lineage {
class Store;
}

namespace millrace::datasets {

enum class Format { kParquet, kCsv, kJson, kNdjson };
// "parquet", "csv", "json", "ndjson".
std::string_view format_name(Format format);
std::optional<Format> find_format(std::string_view name);

// Rows to add to a dataset: a file's bytes, or a file on this machine.
struct Batch {
  std::string batch_id;  // a second ingest with the same id answers the first one's version and adds nothing
  Format format = Format::kParquet;
  std::string_view bytes;
  std::filesystem::path path;           // used where `bytes` is empty
  std::optional<Timestamp> event_time;  // when the batch arrived; default: the clock's now
};

struct IngestResult {
  std::string dataset;
  std::int64_t version = 0;
  std::int64_t rows = 0;         // added by this batch
  std::int64_t quarantined = 0;  // set aside
  bool duplicate = false;        // the batch had been ingested before
  std::string content_hash;      // of the version
  std::string validation;        // JSON
};

struct PushResult {
  std::int64_t rows = 0;         // accepted
  std::int64_t quarantined = 0;  // failed a quarantining expectation: not given to listeners
  std::int64_t covered = 0;      // at or before the newest version's last event time: the batch has told about them
  bool duplicate = false;        // the push id had been seen
};

enum class RowSource { kBatch, kPush };

// Rows that became known, ordered by event time, then by all columns. A large batch comes as several blocks; their
// spans follow each other without gap or overlap and together are the batch's span.
struct RowBlock {
  const duck::Table& rows;
  Timestamp min_event_time;  // the span that the block covers, both ends included
  Timestamp max_event_time;
  std::int64_t version = 0;  // of a batch
};

struct DatasetInfo {
  DatasetSpec spec;
  std::int64_t versions = 0;
  std::int64_t rows = 0;
  std::int64_t quarantined = 0;
  std::string newest_content_hash;
  std::optional<Timestamp> min_event_time;
  std::optional<Timestamp> max_event_time;
  bool is_log = false;  // fed by a LogDataset, not by batches
};

// A row that was set aside, with the expectations that it failed.
struct QuarantinedRow {
  std::int64_t version = 0;
  std::string batch_id;
  std::string reason;  // "expect_column_values_to_be_between(delay)", several separated by "; "
  std::string row;     // JSON object
};

struct QuarantinePage {
  std::vector<QuarantinedRow> items;
  std::optional<std::int64_t> next;  // offset of the next page
};

// What the datasets stand on; all must outlive them.
struct Foundation {
  db::Database& db;
  blob::Store& blobs;
  duck::Database& duck;
  lineage::Store& lineage;
  events::Log& events;
  const Clock& clock;
  IdSource& ids;
  std::filesystem::path home;
};

// The named tables of a server and their immutable versions. Thread-safe; batches of one dataset go one after another.
class Datasets {
 public:
  // Also removes files that a process left which died before it recorded them.
  static Result<std::unique_ptr<Datasets>> open(const Foundation& foundation);
  ~Datasets();
  Datasets(const Datasets&) = delete;
  Datasets& operator=(const Datasets&) = delete;

  // Creates or changes; the same spec again changes nothing. Columns may be added. kFailedPrecondition where rows exist
  // and a column's type, the event time or the set of earlier columns would change.
  Result<void> apply(const DatasetSpec& spec);

  Result<DatasetInfo> find(std::string_view name) const;  // kNotFound with the nearest name
  std::vector<DatasetInfo> list() const;                  // by name

  // Validates a batch and makes it the next version, in one transaction with its event. A refused batch is
  // kInvalidArgument (kFailedPrecondition where an expectation failed), an event dataset.batch_rejected, and leaves the
  // last version current.
  Result<IngestResult> ingest(std::string_view name, const Batch& batch);

  // The newest version where none is asked for. kNotFound.
  Result<Version> version(std::string_view name, std::optional<std::int64_t> number = std::nullopt) const;
  // Newest first, those below `before`.
  Result<std::vector<VersionSummary>> list_versions(std::string_view name, std::optional<std::int64_t> before,
                                                    int limit) const;
  // Rows set aside by a version, or by all of them, oldest first.
  Result<QuarantinePage> list_quarantined(std::string_view name, std::optional<std::int64_t> version,
                                          std::int64_t offset, int limit) const;

  // Rows ahead of their batch: durable against the death of the process when it returns, judged by the row-level
  // expectations that quarantine or reject, then given to the listeners. The same push id again does nothing. The rows
  // never become part of a version: a later batch brings them, and replaces them.
  Result<PushResult> push(std::string_view name, const duck::Table& rows, std::string_view push_id);
  // Rows as a JSON array of objects, typed by the dataset's columns.
  Result<PushResult> push_json(std::string_view name, std::string_view rows, std::string_view push_id);
  // The pushed rows that no version covers yet; nullopt where there are none.
  Result<std::optional<duck::Table>> pushed_rows(std::string_view name) const;
  // The same for a listener that starts later: neither a batch nor a push is told while `take` runs.
  using TakeRows = std::function<Result<void>(const duck::Table& rows)>;
  Result<void> with_pushed_rows(std::string_view name, const TakeRows& take) const;

  // Called for each batch after its version was recorded, and for each push, in order for one dataset, from the thread
  // that brings the rows. Register before rows come. The rows of a LogDataset are not told.
  using Listener = std::function<void(const std::string& dataset, const RowBlock& rows, RowSource source)>;
  void on_rows(Listener listener);

  struct State;  // known to this module only

 private:
  friend class LogDataset;
  explicit Datasets(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace millrace::datasets
