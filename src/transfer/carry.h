#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "transfer/source.h"
#include "transfer/target.h"

namespace millrace::transfer {

enum class Scope {
  kAll,       // an import: deleted things, stages and aliases, too
  kRecorded,  // a sync: what was logged and registered; what is deployed where stays the target's to say
};

struct Fault {
  std::string record;  // "run 92da..."
  std::string message;
};

// What one look at the source has come to.
struct Carried {
  std::map<Kind, std::int64_t> seen;
  std::map<Kind, std::int64_t> sent;   // new, or changed since
  std::int64_t points = 0;             // sent
  std::int64_t files = 0;              // sent
  std::int64_t bytes = 0;              // of them
  std::int64_t running = 0;            // runs that have not ended there
  std::vector<std::string> elsewhere;  // folders of artifacts that are not to be had from here
  std::vector<Fault> faults;           // records that were refused; the others went on
};

// Carries what a source holds and a target has not: experiments by name, all else by id, metrics from where the target
// has them, files that differ. What it is interrupted in, it finishes when it is run again.
class Carrier {
 public:
  Carrier(Source& source, Target& target, Scope scope) : source_(source), target_(target), scope_(scope) {}

  // Called with each record that went over.
  std::function<void(Kind kind, const std::string& name)> on_sent;

  // Asked between records: whether to stop with kCancelled. May be empty.
  std::function<bool()> interrupted;

  // kUnavailable where the source or the target is; nothing is lost by it.
  Result<Carried> run();

  // The target's ids of the source's experiments.
  const std::map<std::string, std::string>& experiments() const { return experiments_; }
  // The key by which a version is known to a target.
  static std::string version_key(const registry::ModelVersion& version);

 private:
  using Known = std::map<std::string, std::string>;  // fingerprints by id
  struct Files {
    std::string uri;
    std::optional<std::vector<SourceFile>> list;
  };

  Result<void> carry_experiment(const tracking::Experiment& experiment);
  Result<void> carry_runs(const tracking::Experiment& experiment);
  Result<void> carry_run(const std::string& id, const std::string& known);
  Result<void> send_points(const std::string& run, const std::map<std::string, std::int64_t>& counts,
                           const std::map<std::string, std::int64_t>& held);
  // Of each metric's points those from a place on; answers how many points the run's metrics have then.
  Result<std::map<std::string, std::int64_t>> send_from(const std::string& run,
                                                        const std::map<std::string, std::size_t>& places);
  Result<void> carry_logged_models(const tracking::Experiment& experiment);
  Result<void> carry_logged_model(const std::string& id, const std::string& known);
  Result<void> carry_traces(const tracking::Experiment& experiment);
  Result<void> carry_trace(const std::string& id, const std::string& known);
  Result<void> carry_evaluation_sets();
  Result<void> carry_models();
  Result<void> carry_versions(const registry::Model& model);
  Result<void> carry_version(registry::ModelVersion version, const std::string& known);
  Result<std::string> storage_here(const registry::ModelVersion& version);

  Result<Files> files_of(const std::string& uri);
  Result<void> send_files(const Files& files, const std::string& to);
  // Carries each of the ids, with the fingerprint that the target knows.
  Result<void> each(Kind kind, const std::vector<std::string>& ids,
                    const std::function<Result<void>(const std::string& id, const std::string& known)>& carry);
  Result<void> whole(Kind kind, const std::string& id, const std::string& name, const std::string& fingerprint);

  Source& source_;
  Target& target_;
  const Scope scope_;
  std::map<std::string, std::string> experiments_;
  Carried carried_;
};

}  // namespace millrace::transfer
