#pragma once

#include "db/migrations.h"

namespace millrace::tracking {

// Times are microseconds since 1970. A run's number is only for these tables; everybody else knows its id. A metric
// that is not a number has is_nan 1 and value 0, as MLflow's own store has.
inline constexpr db::Migration kMigrations[] = {{1, R"sql(
create table experiments (
  id integer primary key autoincrement,
  name text not null unique,
  lifecycle_stage text not null default 'active',
  creation_time integer not null,
  last_update_time integer not null
) strict;

create table experiment_tags (
  experiment_id integer not null references experiments (id),
  key text not null,
  value text not null,
  primary key (experiment_id, key)
) strict, without rowid;

create table runs (
  number integer primary key autoincrement,
  id text not null unique,
  experiment_id integer not null references experiments (id),
  name text not null,
  status text not null,
  start_time integer not null,
  end_time integer,
  lifecycle_stage text not null default 'active',
  deleted_time integer,
  artifact_uri text not null,
  key text unique
) strict;
create index runs_by_start on runs (start_time desc, id);
create index runs_by_experiment on runs (experiment_id, start_time desc, id);

create table params (
  run integer not null references runs (number),
  key text not null,
  value text not null,
  primary key (run, key)
) strict, without rowid;

create table run_tags (
  run integer not null references runs (number),
  key text not null,
  value text not null,
  primary key (run, key)
) strict, without rowid;

create table metrics (
  run integer not null references runs (number),
  key text not null,
  timestamp integer not null,
  step integer not null,
  value real not null,
  is_nan integer not null,
  primary key (run, key, timestamp, step, value, is_nan)
) strict, without rowid;

create table latest_metrics (
  run integer not null references runs (number),
  key text not null,
  timestamp integer not null,
  step integer not null,
  value real not null,
  is_nan integer not null,
  primary key (run, key)
) strict, without rowid;
)sql"}};

}  // namespace millrace::tracking
