#include "pipelines/run_store.h"

#include <boost/describe.hpp>
#include <charconv>
#include <limits>

#include "pipelines/schema.h"

namespace millrace::pipelines {

BOOST_DESCRIBE_STRUCT(RunRow, (),
                      (number, id, pipeline, key, status, document, project, directory, params, pins, event_time, cause,
                       concurrency, cancel_requested, error, created, started, finished))
BOOST_DESCRIBE_STRUCT(StepRow, (),
                      (position, name, status, job, cached_from, inputs, outputs, result, error, cache_key, started,
                       finished))
BOOST_DESCRIBE_STRUCT(CacheEntry, (), (run, outputs, result))

namespace {

std::string select_runs(std::string_view rest) {
  return fmt::format(R"sql(
    select number, id, pipeline, key, status, document, project, directory, params, pins, event_time_us, cause,
           concurrency, cancel_requested, error, created_us, started_us, finished_us
    from pipeline_runs
    {})sql",
                     rest);
}

Result<std::int64_t> page_start(const std::string& after) {
  if (after.empty()) return std::numeric_limits<std::int64_t>::max();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(after.data(), after.data() + after.size(), number);
  if (error != std::errc() || end != after.data() + after.size()) {
    return invalid_argument("\"{}\" is not the start of a page", after);
  }
  return number;
}

}  // namespace

Result<RunStore> RunStore::open(db::Database& database) {
  TRY(db::migrate(database, "pipelines", migrations()));
  return RunStore(database);
}

Result<std::optional<std::string>> RunStore::find_key(db::Transaction& tx, const std::string& pipeline,
                                                      const std::string& key) {
  const auto ids =
      TRY(tx.query<std::string>("select id from pipeline_runs where pipeline = ? and key = ?", pipeline, key));
  if (ids.empty()) return std::nullopt;
  return ids.front();
}

Result<void> RunStore::insert(db::Transaction& tx, const RunRow& run, const std::vector<StepSpec>& steps) {
  TRY(tx.execute(R"sql(
    insert into pipeline_runs (id, pipeline, key, status, document, project, directory, params, event_time_us, cause,
                               concurrency, created_us)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?))sql",
                 run.id, run.pipeline, run.key, run.status, run.document, run.project, run.directory, run.params,
                 run.event_time, run.cause, run.concurrency, run.created));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    TRY(tx.execute("insert into pipeline_steps (run, position, name, status) values (?, ?, ?, ?)", run.id, i,
                   steps[i].name, StepStatus::kPending));
  }
  return {};
}

Result<void> RunStore::update_run(db::Transaction& tx, const RunRow& run) {
  TRY(tx.execute(
      "update pipeline_runs set status = ?, pins = ?, error = ?, started_us = ?, finished_us = ? where id = ?",
      run.status, run.pins, run.error, run.started, run.finished, run.id));
  return {};
}

Result<void> RunStore::update_step(db::Transaction& tx, const std::string& run, const StepRow& step) {
  TRY(tx.execute(R"sql(
    update pipeline_steps
    set status = ?, job = ?, cached_from = ?, inputs = ?, outputs = ?, result = ?, error = ?, cache_key = ?,
        started_us = ?, finished_us = ?
    where run = ? and position = ?)sql",
                 step.status, step.job, step.cached_from, step.inputs, step.outputs, step.result, step.error,
                 step.cache_key, step.started, step.finished, run, step.position));
  return {};
}

Result<void> RunStore::remember(db::Transaction& tx, const std::string& run, const StepRow& step) {
  TRY(tx.execute(R"sql(
    insert into step_cache (key, run, position)
    values (?, ?, ?)
    on conflict (key) do update set run = excluded.run, position = excluded.position)sql",
                 step.cache_key, run, step.position));
  return {};
}

Result<void> RunStore::request_cancel(const std::string& run) {
  TRY(database_->execute(
      "update pipeline_runs set cancel_requested = 1 where id = ? and status in ('queued', 'running')", run));
  return {};
}

Result<RunRow> RunStore::find(const std::string& id) {
  auto rows = TRY(database_->query<RunRow>(select_runs("where id = ?"), id));
  if (rows.empty()) return not_found("pipeline run {} does not exist", id);
  return std::move(rows.front());
}

Result<std::vector<StepRow>> RunStore::steps(const std::string& run) {
  return database_->query<StepRow>(R"sql(
    select position, name, status, job, cached_from, inputs, outputs, result, error, cache_key, started_us, finished_us
    from pipeline_steps
    where run = ?
    order by position)sql",
                                   run);
}

Result<std::vector<RunRow>> RunStore::active() {
  return database_->query<RunRow>(select_runs("where status in ('queued', 'running') order by number"));
}

Result<std::int64_t> RunStore::count_active() {
  return TRY(database_->query<std::int64_t>("select count(*) from pipeline_runs where status in ('queued', 'running')"))
      .front();
}

Result<Page<RunRow>> RunStore::list(const RunFilter& filter, const PageRequest& page) {
  Page<RunRow> result{.items =
                          TRY(database_->query<RunRow>(select_runs(R"sql(
    where number < ?
      and (? is null or pipeline = ?)
      and (? is null or status = ?)
    order by number desc
    limit ?)sql"),
                                                       TRY(page_start(page.after)), filter.pipeline, filter.pipeline,
                                                       filter.status, filter.status, page.rows()))};
  if (static_cast<int>(result.items.size()) == page.rows()) result.next = std::to_string(result.items.back().number);
  return result;
}

Result<std::optional<CacheEntry>> RunStore::find_cached(const std::string& cache_key) {
  auto entries = TRY(database_->query<CacheEntry>(R"sql(
    select step.run, step.outputs, step.result
    from step_cache as cache
    join pipeline_steps as step on step.run = cache.run and step.position = cache.position
    where cache.key = ?)sql",
                                                  cache_key));
  if (entries.empty()) return std::nullopt;
  return std::move(entries.front());
}

}  // namespace millrace::pipelines
