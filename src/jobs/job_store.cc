#include "jobs/job_store.h"

#include <boost/describe.hpp>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "jobs/schema.h"

namespace millrace::jobs {

BOOST_DESCRIBE_STRUCT(Attempt, (),
                      (number, outcome, exit_code, signal, error, started, finished, max_rss_bytes, log_uri))

namespace {

// What a loss of power may take: the newest attempts are then run again.
constexpr db::Durability kBookkeeping = db::Durability::kRelaxed;

struct JobRow {
  JobId id;
  std::string key;
  std::string kind;
  std::string argv;
  std::string env;
  std::string cwd;
  Duration timeout;
  int retries;
  Duration first_delay;
  double factor;
  Duration max_delay;
  std::string group;
  int group_limit;
  Status status;
  int attempts;
  int failures;
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::string error;
  std::string result;
  Timestamp submitted;
  std::optional<Timestamp> started;
  std::optional<Timestamp> finished;
  std::int64_t max_rss_bytes;
  std::string log_uri;
};
BOOST_DESCRIBE_STRUCT(JobRow, (),
                      (id, key, kind, argv, env, cwd, timeout, retries, first_delay, factor, max_delay, group,
                       group_limit, status, attempts, failures, exit_code, signal, error, result, submitted, started,
                       finished, max_rss_bytes, log_uri))

std::string select_jobs(std::string_view rest) {
  return fmt::format(R"sql(
    select id, key, kind, argv, env, cwd, timeout_us, retries, first_delay_us, delay_factor, max_delay_us, limit_group,
           group_limit, status, attempts, failures, exit_code, signal, error, result, submitted_us, started_us,
           finished_us, max_rss_bytes, log_uri
    from jobs
    {})sql",
                     rest);
}

Result<Command> read_command(const JobRow& row) {
  const Json argv = TRY(parse_json(row.argv));
  const Json env = TRY(parse_json(row.env));
  Command command{.cwd = row.cwd};
  for (const Json& word : argv) command.argv.push_back(word.get<std::string>());
  for (const auto& [name, value] : env.items()) command.env[name] = value.get<std::string>();
  return command;
}

Result<Job> to_job(const JobRow& row) {
  return Job{.id = row.id,
             .spec = {.key = row.key,
                      .kind = row.kind,
                      .command = TRY(read_command(row)),
                      .timeout = row.timeout,
                      .retry = {row.retries, row.first_delay, row.factor, row.max_delay},
                      .group = row.group,
                      .group_limit = row.group_limit},
             .status = row.status,
             .attempts = row.attempts,
             .failures = row.failures,
             .exit_code = row.exit_code,
             .signal = row.signal,
             .error = row.error,
             .result = row.result,
             .submitted = row.submitted,
             .started = row.started,
             .finished = row.finished,
             .max_rss_bytes = row.max_rss_bytes,
             .log_uri = row.log_uri};
}

Result<std::vector<Job>> to_jobs(const std::vector<JobRow>& rows) {
  std::vector<Job> jobs;
  for (const JobRow& row : rows) jobs.push_back(TRY(to_job(row)));
  return jobs;
}

Result<std::optional<Job>> first_job(const std::vector<JobRow>& rows) {
  if (rows.empty()) return std::nullopt;
  return TRY(to_job(rows.front()));
}

std::string argv_text(const Command& command) { return dump_json(Json(command.argv)); }
std::string env_text(const Command& command) { return dump_json(Json(command.env)); }

Result<JobId> page_start(const std::string& after) {
  if (after.empty()) return std::numeric_limits<JobId>::max();
  JobId id = 0;
  const auto [end, error] = std::from_chars(after.data(), after.data() + after.size(), id);
  if (error != std::errc() || end != after.data() + after.size()) {
    return invalid_argument("\"{}\" is not the start of a page", after);
  }
  return id;
}

}  // namespace

Result<JobStore> JobStore::open(db::Database& database) {
  TRY(db::migrate(database, "jobs", migrations()));
  return JobStore(database);
}

Result<Job> JobStore::insert(const JobSpec& spec, Timestamp now) {
  db::Transaction tx = TRY(database_->begin());
  const auto earlier = TRY(tx.query<JobRow>(select_jobs("where key = ?"), spec.key));
  if (!earlier.empty()) return to_job(earlier.front());

  const JobId id =
      TRY(tx.insert(R"sql(
    insert into jobs (key, kind, argv, env, cwd, timeout_us, retries, first_delay_us, delay_factor, max_delay_us,
                      limit_group, group_limit, status, submitted_us)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    returning id)sql",
                    spec.key, spec.kind, argv_text(spec.command), env_text(spec.command), spec.command.cwd.string(),
                    spec.timeout, spec.retry.retries, spec.retry.first_delay, spec.retry.factor, spec.retry.max_delay,
                    spec.group, spec.group_limit, Status::kQueued, now));
  Job job{.id = id, .spec = spec, .submitted = now};
  TRY(tx.commit());
  return job;
}

Result<std::optional<Job>> JobStore::find(JobId id) {
  return first_job(TRY(database_->query<JobRow>(select_jobs("where id = ?"), id)));
}

Result<std::optional<Job>> JobStore::find_by_key(const std::string& key) {
  return first_job(TRY(database_->query<JobRow>(select_jobs("where key = ?"), key)));
}

Result<Job> JobStore::get(JobId id) {
  auto job = TRY(find(id));
  if (!job) return not_found("job {} does not exist", id);
  return std::move(*job);
}

Result<Page<Job>> JobStore::list(const JobFilter& filter, const PageRequest& page) {
  const auto rows = TRY(database_->query<JobRow>(select_jobs(R"sql(
    where id < ?
      and (? is null or kind = ?)
      and (? is null or status = ?)
    order by id desc
    limit ?)sql"),
                                                 TRY(page_start(page.after)), filter.kind, filter.kind, filter.status,
                                                 filter.status, page.rows()));
  Page<Job> result{.items = TRY(to_jobs(rows))};
  if (static_cast<int>(rows.size()) == page.rows()) result.next = std::to_string(rows.back().id);
  return result;
}

Result<std::vector<Attempt>> JobStore::attempts(JobId id) {
  return database_->query<Attempt>(R"sql(
    select number, outcome, exit_code, signal, error, started_us, finished_us, max_rss_bytes, log_uri
    from job_attempts
    where job = ?
    order by number)sql",
                                   id);
}

Result<std::optional<Job>> JobStore::claim(Timestamp now, const std::function<std::string(const Job&)>& log_uri) {
  db::Transaction tx = TRY(database_->begin(kBookkeeping));
  auto job = TRY(first_job(TRY(tx.query<JobRow>(select_jobs(R"sql(
    where status = 'queued'
      and not_before_us <= ?
      and (group_limit = 0
           or group_limit > (select count(*) from jobs as other
                             where other.status = 'running' and other.limit_group = jobs.limit_group))
    order by id
    limit 1)sql"),
                                                now))));
  if (!job) return std::nullopt;

  job->status = Status::kRunning;
  job->attempts += 1;
  job->started = now;
  job->log_uri = log_uri(*job);
  TRY(tx.execute("update jobs set status = ?, attempts = ?, started_us = ?, log_uri = ? where id = ?", job->status,
                 job->attempts, now, job->log_uri, job->id));
  TRY(tx.execute("insert into job_attempts (job, number, outcome, started_us, log_uri) values (?, ?, ?, ?, ?)", job->id,
                 job->attempts, Outcome::kRunning, now, job->log_uri));
  TRY(tx.commit());
  return job;
}

Result<std::optional<Timestamp>> JobStore::next_due(Timestamp now) {
  const auto due = TRY(database_->query<std::optional<Timestamp>>(
      "select min(not_before_us) from jobs where status = 'queued' and not_before_us > ?", now));
  return due.front();
}

Result<Job> JobStore::finish_attempt(const Job& job, const AttemptResult& attempt, const Decision& decision,
                                     const std::string& result, Timestamp now) {
  const bool failure = attempt.outcome == Outcome::kFailed || attempt.outcome == Outcome::kTimedOut;
  const std::optional<Timestamp> finished = is_finished(decision.status) ? std::optional(now) : std::nullopt;

  db::Transaction tx = TRY(database_->begin(kBookkeeping));
  TRY(tx.execute(R"sql(
    update job_attempts
    set outcome = ?, exit_code = ?, signal = ?, error = ?, finished_us = ?, max_rss_bytes = ?
    where job = ? and number = ?)sql",
                 attempt.outcome, attempt.exit_code, attempt.signal, attempt.error, now, attempt.max_rss_bytes, job.id,
                 job.attempts));
  TRY(tx.execute(R"sql(
    update jobs
    set status = ?, failures = ?, not_before_us = ?, exit_code = ?, signal = ?, error = ?, result = ?, finished_us = ?,
        max_rss_bytes = ?
    where id = ?)sql",
                 decision.status, job.failures + (failure ? 1 : 0), now + decision.retry_after.value_or(Duration{0}),
                 attempt.exit_code, attempt.signal, attempt.error, result, finished, attempt.max_rss_bytes, job.id));
  TRY(tx.commit());
  return get(job.id);
}

Result<Job> JobStore::cancel_queued(JobId id, Timestamp now) {
  TRY(database_->execute(
      "update jobs set status = ?, error = 'cancelled', finished_us = ? where id = ? and status = 'queued'",
      Status::kCancelled, now, id));
  return get(id);
}

Result<void> JobStore::request_cancel(JobId id) {
  TRY(database_->execute("update jobs set cancel_requested = 1 where id = ?", id));
  return {};
}

Result<bool> JobStore::cancel_requested(JobId id) {
  const auto rows = TRY(database_->query<bool>("select cancel_requested from jobs where id = ?", id));
  return !rows.empty() && rows.front();
}

Result<std::vector<Job>> JobStore::running() {
  return to_jobs(TRY(database_->query<JobRow>(select_jobs("where status = 'running' order by id"))));
}

}  // namespace millrace::jobs
