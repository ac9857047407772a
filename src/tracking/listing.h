#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace::db {
class Database;
}

namespace millrace::tracking {

// The ids of all of an experiment's, deleted ones too, oldest first. kInvalidArgument for what is no experiment's id.
Result<std::vector<std::string>> list_run_ids(db::Database& database, std::string_view experiment_id);
Result<std::vector<std::string>> list_logged_model_ids(db::Database& database, std::string_view experiment_id);
Result<std::vector<std::string>> list_trace_ids(db::Database& database, std::string_view experiment_id);
// Of all evaluation datasets.
Result<std::vector<std::string>> list_evaluation_dataset_ids(db::Database& database);

// What a trace is linked to.
Result<std::vector<std::string>> list_runs_of_trace(db::Database& database, std::string_view trace_id);
Result<std::vector<std::string>> list_prompts_of_trace(db::Database& database, std::string_view trace_id);  // "name/3"

}  // namespace millrace::tracking
