#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace millrace::db {
class Database;
}

namespace millrace::tracking {

struct Erased {
  std::int64_t runs = 0;
  std::int64_t experiments = 0;
};

// Moves and copies runs between experiments, and ends for good what was deleted. Thread-safe. Errors about runs and
// experiments are in MLflow's words.
class Housekeeping {
 public:
  // Removes what a URI names; nothing to remove is no error.
  using RemoveArtifacts = std::function<Result<void>(std::string_view uri)>;

  Housekeeping(db::Database& database, const Clock& clock, IdSource& ids, RemoveArtifacts remove)
      : database_(database), clock_(clock), ids_(ids), remove_(std::move(remove)) {}

  // The run keeps its id and its artifacts' place.
  Result<void> move_run(std::string_view run_id, std::string_view experiment_id);
  // A new run with the params, metrics and their histories, tags, inputs and outputs of this one; it shares the
  // artifacts, which stay until the last run that has them is erased. Answers its id.
  Result<std::string> copy_run(std::string_view run_id, std::string_view experiment_id);

  // Removes runs and experiments, with all that is known of them and their artifacts, that have been deleted for longer
  // than this. Artifacts go first: what is interrupted is finished by the next call.
  Result<Erased> erase(Duration deleted_for_longer_than);

 private:
  Result<void> erase_run(std::int64_t number);
  Result<void> erase_experiment(std::int64_t number);

  db::Database& database_;
  const Clock& clock_;
  IdSource& ids_;
  RemoveArtifacts remove_;
};

}  // namespace millrace::tracking
