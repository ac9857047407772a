#pragma once

#include "db/migrations.h"

namespace millrace::tracking {

// Times are microseconds since 1970. A run's number is only for these tables; everybody else knows its id. A metric
// that is not a number has is_nan 1 and value 0, as MLflow's own store has.
//
// latest_metrics also says what a series of points looks like, so that a sample of a long one needs no look at all of
// it: where `ascending` is 1, each point had a greater step than all before it and no smaller timestamp, `points` is
// their number, `first_step` the first step and `stride` the greatest common divisor of the distances between steps.
// Series of before migration 2 have ascending 0, and so has any that was not logged in order.
//
// metrics does not refer to runs: for each point PostgreSQL would look its run up, which doubles what a point costs.
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
)sql"},
                                                {2, R"sql(
alter table experiments add column artifact_location text;
alter table runs add column user_id text not null default '';

create table metrics_by_step (
  run integer not null references runs (number),
  key text not null,
  step integer not null,
  timestamp integer not null,
  value real not null,
  is_nan integer not null,
  primary key (run, key, step, timestamp, value, is_nan)
) strict, without rowid;
insert into metrics_by_step (run, key, step, timestamp, value, is_nan)
select run, key, step, timestamp, value, is_nan from metrics;
drop table metrics;
alter table metrics_by_step rename to metrics;

alter table latest_metrics add column points integer not null default 1;
alter table latest_metrics add column first_step integer not null default 0;
alter table latest_metrics add column stride integer not null default 0;
alter table latest_metrics add column ascending integer not null default 0;

create table logged_datasets (
  id integer primary key autoincrement,
  experiment_id integer not null references experiments (id),
  name text not null,
  digest text not null,
  source_type text not null,
  source text not null,
  schema text,
  profile text,
  unique (experiment_id, name, digest)
) strict;

create table run_inputs (
  run integer not null references runs (number),
  dataset integer not null references logged_datasets (id),
  primary key (run, dataset)
) strict, without rowid;
create index run_inputs_by_dataset on run_inputs (dataset);

create table run_input_tags (
  run integer not null references runs (number),
  dataset integer not null references logged_datasets (id),
  key text not null,
  value text not null,
  primary key (run, dataset, key)
) strict, without rowid;

create table logged_models (
  number integer primary key autoincrement,
  id text not null unique,
  experiment_id integer not null references experiments (id),
  name text not null,
  creation_time integer not null,
  last_update_time integer not null,
  artifact_uri text not null,
  status text not null,
  status_message text,
  model_type text,
  source_run_id text,
  lifecycle_stage text not null default 'active'
) strict;
create index logged_models_by_experiment on logged_models (experiment_id, creation_time desc, id);

create table logged_model_params (
  model integer not null references logged_models (number),
  key text not null,
  value text not null,
  primary key (model, key)
) strict, without rowid;

create table logged_model_tags (
  model integer not null references logged_models (number),
  key text not null,
  value text not null,
  primary key (model, key)
) strict, without rowid;

create table logged_model_metrics (
  model integer not null references logged_models (number),
  key text not null,
  timestamp integer not null,
  step integer not null,
  run_id text not null,
  value real not null,
  is_nan integer not null,
  dataset_name text,
  dataset_digest text,
  primary key (model, key, timestamp, step, run_id)
) strict, without rowid;

create table run_models (
  run integer not null references runs (number),
  direction text not null,
  model_id text not null,
  step integer not null,
  primary key (run, direction, model_id)
) strict, without rowid;
)sql"},
                                                {3, R"sql(
create index latest_metrics_by_value on latest_metrics (key, is_nan, value, run);
)sql"},
                                                {4, R"sql(
create index params_by_prefix on params (key, substr(value, 1, 64), run);
create index run_tags_by_prefix on run_tags (key, substr(value, 1, 64), run);
)sql"},
                                                {5, R"sql(
create index running_runs on runs (experiment_id) where status = 'RUNNING';
)sql"},
                                                {6, R"sql(
alter table experiment_tags add column folder text;
create table folder_tags (
  folder text not null,
  key text not null,
  value text not null,
  primary key (folder, key)
) strict, without rowid;
create index runs_by_artifacts on runs (artifact_uri);
)sql"},
                                                {7, R"sql(
create table metrics_of_runs (
  run integer not null,
  key text not null,
  step integer not null,
  timestamp integer not null,
  value real not null,
  is_nan integer not null,
  primary key (run, key, step, timestamp, value, is_nan)
) strict, without rowid;
insert into metrics_of_runs (run, key, step, timestamp, value, is_nan)
select run, key, step, timestamp, value, is_nan from metrics order by run, key, step, timestamp, value, is_nan;
drop table metrics;
alter table metrics_of_runs rename to metrics;
)sql"},
                                                {8, R"sql(
create index run_models_by_model on run_models (model_id);
create index logged_models_by_run on logged_models (source_run_id);
create index logged_datasets_by_name on logged_datasets (name, digest);
)sql"}};

}  // namespace millrace::tracking
