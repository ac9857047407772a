#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/json.h"
#include "base/page.h"
#include "base/result.h"
#include "base/time.h"
#include "tracking/entities.h"
#include "tracking/evaluation/record.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db

namespace millrace::tracking {

// MLflow's dataset for evaluations of language models: records that grow by hand and from traces. It is none of the
// house's datasets, which are versioned tables.
struct EvaluationDataset {
  std::string id;  // "d-" and 32 hexadecimal digits
  std::string name;
  std::string digest;                  // changes with the records
  std::optional<std::string> schema;   // JSON, see widened_schema()
  std::optional<std::string> profile;  // {"num_records"}
  Timestamp created_time;
  Timestamp last_update_time;
  std::optional<std::string> created_by;  // the tag mlflow.user
  std::optional<std::string> last_updated_by;
  std::vector<Tag> tags;                    // by key
  std::vector<std::string> experiment_ids;  // in rising order
};

struct NewEvaluationDataset {
  std::string name;
  std::vector<Tag> tags;
  std::vector<std::string> experiment_ids;
};

struct EvaluationSearch {
  std::vector<std::string> experiment_ids;  // in one of these; empty for all
  std::string filter;
  std::vector<std::string> order_by;  // default: newest first
  int max_results = 1000;             // up to 50 000
  std::string page_token;
};

struct Upserted {
  std::int64_t inserted = 0;
  std::int64_t updated = 0;
};

// Thread-safe. Errors are in MLflow's words; an unknown id is kNotFound. The tables of tracking::Store must be there.
class EvaluationDatasets {
 public:
  struct Parts {
    db::Database& database;
    const Clock& clock;
    IdSource& ids;
  };
  static Result<std::unique_ptr<EvaluationDatasets>> open(Parts parts);

  Result<EvaluationDataset> create(const NewEvaluationDataset& dataset);
  Result<EvaluationDataset> find(std::string_view id) const;
  Result<Page<EvaluationDataset>> search(const EvaluationSearch& asked) const;
  // Nothing where it is not there.
  Result<void> remove(std::string_view id);
  Result<void> set_tags(std::string_view id, const std::vector<Tag>& tags);
  Result<void> delete_tag(std::string_view id, std::string_view key);
  Result<EvaluationDataset> add_experiments(std::string_view id, const std::vector<std::string>& experiment_ids);
  Result<EvaluationDataset> remove_experiments(std::string_view id, const std::vector<std::string>& experiment_ids);

  // A list of records in JSON; those with inputs that are known are merged. All or nothing.
  Result<Upserted> upsert(std::string_view id, const Json& records);
  // Oldest first.
  Result<Page<EvaluationRecord>> records(std::string_view id, int limit, std::string_view page_token) const;
  // Takes a dataset of another server whole, under its id, with records under theirs; again: brings what is there to
  // it. A record whose inputs are those of another one here is that one.
  Result<void> put(const EvaluationDataset& dataset, const std::vector<EvaluationRecord>& records);
  Result<std::int64_t> delete_records(std::string_view id, const std::vector<std::string>& record_ids);

 private:
  explicit EvaluationDatasets(Parts parts) : parts_(parts) {}
  Result<void> upsert_record(db::Transaction& tx, std::int64_t dataset, const Json& record, Upserted& counts);

  Parts parts_;
};

}  // namespace millrace::tracking
