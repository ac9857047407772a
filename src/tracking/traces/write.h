#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tracking/entities.h"

namespace millrace::db {
class Transaction;
}

namespace millrace::tracking {

// Where the artifacts of a trace are; kFailedPrecondition where the experiment is deleted.
Result<std::string> trace_artifact_uri(db::Transaction& tx, std::int64_t experiment, std::string_view trace_id);

// What is there already is overwritten, cut to MLflow's limits; the tag mlflow.traceName is the trace's name as well.
Result<void> put_trace_tag(db::Transaction& tx, std::int64_t trace, const Tag& tag);

enum class Origin { kClient, kSpans };  // who says it: a client's word is not overwritten by what spans say
// mlflow.sourceRun links the trace to that run.
Result<void> put_trace_metadata(db::Transaction& tx, std::int64_t trace, const Tag& item, Origin origin);

Result<void> put_trace_run(db::Transaction& tx, std::int64_t trace, std::string_view run_id);

}  // namespace millrace::tracking
