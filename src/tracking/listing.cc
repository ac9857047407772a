#include "tracking/listing.h"

#include "db/db.h"
#include "tracking/validate.h"

namespace millrace::tracking {

Result<std::vector<std::string>> list_run_ids(db::Database& database, std::string_view experiment_id) {
  return database.query<std::string>("select id from runs where experiment_id = ? order by start_time, number",
                                     TRY(experiment_number(experiment_id)));
}

Result<std::vector<std::string>> list_logged_model_ids(db::Database& database, std::string_view experiment_id) {
  return database.query<std::string>(
      "select id from logged_models where experiment_id = ? order by creation_time, number",
      TRY(experiment_number(experiment_id)));
}

Result<std::vector<std::string>> list_trace_ids(db::Database& database, std::string_view experiment_id) {
  return database.query<std::string>("select id from traces where experiment_id = ? order by request_time, number",
                                     TRY(experiment_number(experiment_id)));
}

Result<std::vector<std::string>> list_evaluation_dataset_ids(db::Database& database) {
  return database.query<std::string>("select id from evaluation_datasets order by created_time, number");
}

Result<std::vector<std::string>> list_runs_of_trace(db::Database& database, std::string_view trace_id) {
  return database.query<std::string>(R"sql(
select trace_runs.run_id
from traces
join trace_runs on trace_runs.trace = traces.number
where traces.id = ?
order by trace_runs.run_id
)sql",
                                     trace_id);
}

Result<std::vector<std::string>> list_prompts_of_trace(db::Database& database, std::string_view trace_id) {
  return database.query<std::string>(R"sql(
select trace_prompts.prompt
from traces
join trace_prompts on trace_prompts.trace = traces.number
where traces.id = ?
order by trace_prompts.prompt
)sql",
                                     trace_id);
}

}  // namespace millrace::tracking
