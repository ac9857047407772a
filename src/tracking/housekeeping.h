#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "tracking/needs.h"

namespace millrace::db {
class Database;
}
namespace millrace::events {
class Log;
}

namespace millrace::tracking {

struct Erased {
  std::int64_t runs = 0;
  std::int64_t experiments = 0;
  std::int64_t needed = 0;  // runs and experiments that stay, as somebody needs them
};

// Moves and copies runs between experiments, and ends for good what was deleted. Thread-safe. Errors about runs and
// experiments are in MLflow's words.
//
// Publishes, each in the transaction of the change:
//   run.deleted          {experiment, name, reason}; subject the run's id. Only where a rule did it
//   run.erased           {experiment, name, reason}
//   experiment.erased    {name, reason}; subject the experiment's id
class Housekeeping {
 public:
  // Removes what a URI names; nothing to remove is no error.
  using RemoveArtifacts = std::function<Result<void>(std::string_view uri)>;

  struct Parts {
    db::Database& database;
    events::Log& events;
    const Clock& clock;
    IdSource& ids;
    RemoveArtifacts remove;
    FindNeeds find_needs = {};  // what is never erased; without it nobody needs anything
  };
  explicit Housekeeping(Parts parts) : parts_(std::move(parts)) {}

  // The run keeps its id and its artifacts' place.
  Result<void> move_run(std::string_view run_id, std::string_view experiment_id);
  // A new run with the params, metrics and their histories, tags, inputs and outputs of this one; it shares the
  // artifacts, which stay until the last run that has them is erased. Answers its id.
  Result<std::string> copy_run(std::string_view run_id, std::string_view experiment_id);

  // Removes runs and experiments, with all that is known of them, the models that they logged and their artifacts, that
  // have been deleted for longer than this and that nobody needs. Artifacts go first: what is interrupted is finished
  // by the next call.
  Result<Erased> erase(Duration deleted_for_longer_than);

  // By their numbers: a run that is active becomes deleted; a run or an empty experiment that nobody needs is removed.
  Result<void> delete_run(std::int64_t number, std::string_view reason);
  Result<void> erase_run(std::int64_t number, std::string_view reason);
  Result<void> erase_experiment(std::int64_t number, std::string_view reason);

  Result<Needs> needs() const;
  // Who needs the run, its artifacts or a model that it logged; "" for nobody.
  Result<std::string> run_needed_by(std::int64_t number, const Needs& needs) const;
  // Who needs a model of the experiment.
  Result<std::string> experiment_needed_by(std::int64_t number, const Needs& needs) const;

 private:
  Parts parts_;
};

}  // namespace millrace::tracking
