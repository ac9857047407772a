#include "jobs/schema.h"

namespace millrace::jobs {
namespace {

constexpr db::Migration kMigrations[] = {{1, R"sql(
create table jobs (
  id integer primary key autoincrement,
  key text not null unique,
  kind text not null,
  argv text not null,
  env text not null,
  cwd text not null,
  timeout_us integer not null,
  retries integer not null,
  first_delay_us integer not null,
  delay_factor real not null,
  max_delay_us integer not null,
  limit_group text not null,
  group_limit integer not null,
  status text not null,
  cancel_requested integer not null default 0,
  attempts integer not null default 0,
  failures integer not null default 0,
  not_before_us integer not null default 0,
  exit_code integer,
  signal integer,
  error text not null default '',
  result text not null default '',
  submitted_us integer not null,
  started_us integer,
  finished_us integer,
  max_rss_bytes integer not null default 0,
  log_uri text not null default ''
) strict;

create index jobs_active on jobs (status, id) where status in ('queued', 'running');

create table job_attempts (
  job integer not null references jobs (id),
  number integer not null,
  outcome text not null,
  exit_code integer,
  signal integer,
  error text not null default '',
  started_us integer not null,
  finished_us integer,
  max_rss_bytes integer not null default 0,
  log_uri text not null,
  primary key (job, number)
) strict, without rowid;
)sql"}};

}  // namespace

std::span<const db::Migration> migrations() { return kMigrations; }

}  // namespace millrace::jobs
