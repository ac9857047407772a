#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/page.h"
#include "base/result.h"
#include "base/time.h"
#include "tracking/traces/trace.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db

namespace millrace::tracking {

// Spans that one program sent.
struct SpanBatch {
  std::string experiment_id;  // of traces that are not known yet
  std::string run_id;         // not empty: traces whose root is in the batch belong to this run
  std::vector<Tag> resource;  // what is said about the program; become tags of the traces
  std::vector<Span> spans;
};

// Traces of an experiment; all criteria must fit.
struct TraceDeletion {
  std::string experiment_id;
  std::optional<Timestamp> until;     // requested then or before
  std::vector<std::string> ids;       // empty for all
  std::optional<std::int64_t> limit;  // the oldest so many
};

inline constexpr int kMaxTraceResults = 500;

struct TraceSearch {
  std::vector<std::string> experiment_ids;
  std::string filter;
  std::vector<std::string> order_by;
  int max_results = 100;   // up to kMaxTraceResults
  std::string page_token;  // the `next` of the page before
};

struct PromptVersion {
  std::string name;
  std::string version;
};

// Traces, as MLflow knows them. Thread-safe. Errors are in MLflow's words; an unknown trace is kNotFound. The tables of
// tracking::Store must be there.
class Traces {
 public:
  struct Parts {
    db::Database& database;
    const Clock& clock;
  };
  static Result<std::unique_ptr<Traces>> open(Parts parts);

  // What a client says about a trace at its end. A trace that is known, by its spans for one, is told anew: tags,
  // metadata and assessments are added to those it has.
  Result<TraceInfo> start(const TraceInfo& info);
  // A span that is there already is replaced. A trace that is not there is made, and its times, state, previews, token
  // usage and tags follow from its spans, until start() says better. All or nothing.
  Result<void> log_spans(const std::vector<SpanBatch>& batches);

  Result<TraceInfo> find(std::string_view id) const;
  // In the order of the ids; what is not there is left out, and what is in none of the experiments, where these are
  // given.
  Result<std::vector<TraceInfo>> find_all(const std::vector<std::string>& ids,
                                          const std::optional<std::vector<std::string>>& experiment_ids = {}) const;
  // The same with their spans.
  Result<std::vector<Trace>> with_spans(std::vector<TraceInfo> infos) const;
  Result<Page<TraceInfo>> search(const TraceSearch& asked) const;
  // How many there are on all pages.
  Result<std::int64_t> count(const TraceSearch& asked) const;

  Result<void> set_tag(std::string_view id, const Tag& tag);
  Result<void> delete_tag(std::string_view id, std::string_view key);
  // Unknown traces are passed over; at most 100 at once.
  Result<void> link_to_run(const std::vector<std::string>& ids, std::string_view run_id);
  Result<void> link_prompts(std::string_view id, const std::vector<PromptVersion>& prompts);
  // Answers how many were deleted.
  Result<std::int64_t> remove(const TraceDeletion& which);

 private:
  explicit Traces(Parts parts) : parts_(parts) {}

  Parts parts_;
};

// What is said about traces. Thread-safe; the same database as Traces, which is opened first.
class Assessments {
 public:
  Assessments(db::Database& database, const Clock& clock, IdSource& ids)
      : database_(database), clock_(clock), ids_(ids) {}

  // Without an id it gets one, without times the clock's. One that overrides another makes that one invalid.
  Result<Assessment> create(Assessment assessment);
  Result<Assessment> find(std::string_view trace_id, std::string_view id) const;
  Result<Assessment> update(std::string_view trace_id, std::string_view id, const AssessmentUpdate& update);
  // What it overrode is valid again. Nothing where it is not there.
  Result<void> remove(std::string_view trace_id, std::string_view id);

 private:
  db::Database& database_;
  const Clock& clock_;
  IdSource& ids_;
};

}  // namespace millrace::tracking
