#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "tracking/housekeeping.h"
#include "tracking/retention_rules.h"

namespace millrace::tracking {

// A run or an experiment that a rule applies to.
struct RetentionItem {
  std::string kind;  // "run" or "experiment"
  std::string id;
  std::string name;
  std::string experiment;  // its name
  Fate fate = Fate::kKeep;
  std::string reason;
  std::int64_t number = 0;
};

// Deletes runs that are old, and erases what was deleted long ago, as the tags of experiments and folders say. What
// a registered version needs is spared. Thread-safe.
class Retention {
 public:
  Retention(db::Database& database, const Clock& clock, Housekeeping housekeeping)
      : database_(database), clock_(clock), housekeeping_(std::move(housekeeping)) {}

  // What would become of what now; also what is spared, and why.
  Result<std::vector<RetentionItem>> plan() const;
  // Does it; answers what was done.
  Result<std::vector<RetentionItem>> apply();

 private:
  struct Subject;
  Result<std::vector<Subject>> subjects() const;
  Result<void> judge_runs(const Subject& subject, const Needs& needs, std::vector<RetentionItem>& items) const;
  Result<void> judge_experiment(const Subject& subject, const Needs& needs, std::vector<RetentionItem>& items) const;

  db::Database& database_;
  const Clock& clock_;
  Housekeeping housekeeping_;
};

}  // namespace millrace::tracking
