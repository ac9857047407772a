#include "pipelines/schema.h"

namespace millrace::pipelines {
namespace {

constexpr db::Migration kMigrations[] = {{1, R"sql(
create table pipeline_runs (
  number integer primary key autoincrement,
  id text not null unique,
  pipeline text not null,
  key text not null,
  status text not null,
  document text not null,
  project text not null,
  directory text not null,
  params text not null,
  pins text not null default '{}',
  event_time_us integer not null,
  cause text not null,
  concurrency integer not null,
  cancel_requested integer not null default 0,
  error text not null default '',
  created_us integer not null,
  started_us integer,
  finished_us integer,
  unique (pipeline, key)
) strict;

create index pipeline_runs_active on pipeline_runs (number) where status in ('queued', 'running');
create index pipeline_runs_by_pipeline on pipeline_runs (pipeline, number);

create table pipeline_steps (
  run text not null references pipeline_runs (id),
  position integer not null,
  name text not null,
  status text not null,
  job integer,
  cached_from text not null default '',
  inputs text not null default '{}',
  outputs text not null default '{}',
  result text not null default '',
  error text not null default '',
  cache_key text not null default '',
  started_us integer,
  finished_us integer,
  primary key (run, position)
) strict, without rowid;

create table step_cache (
  key text primary key,
  run text not null,
  position integer not null,
  foreign key (run, position) references pipeline_steps (run, position)
) strict, without rowid;
)sql"}};

}  // namespace

std::span<const db::Migration> migrations() { return kMigrations; }

}  // namespace millrace::pipelines
