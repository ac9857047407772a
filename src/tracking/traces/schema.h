#pragma once

#include "db/migrations.h"

namespace millrace::tracking {

// Tables of their own numbering, "traces". Times are microseconds since 1970, those of spans nanoseconds. What belongs
// to a trace goes with it, and a trace with its experiment.
//
// traces.name is the tag mlflow.traceName once more. A finalized trace was told whole by its client: spans that come
// later do not change its times. Metadata that is `derived` was made from spans and gives way. An attribute of a span
// that is a text (is_text 1) is kept as such, any other as JSON. An assessment's text_value is what it is searched by:
// its value, a text without quotes; number_value the same where it is a number.
inline constexpr db::Migration kTraceMigrations[] = {{1, R"sql(
create table traces (
  number integer primary key autoincrement,
  id text not null unique,
  experiment_id integer not null references experiments (id) on delete cascade,
  request_time integer not null,
  execution_ms integer,
  state text not null,
  name text,
  client_request_id text,
  request_preview text,
  response_preview text,
  finalized integer not null default 0
) strict;
create index traces_by_experiment on traces (experiment_id, request_time desc, id);
create index traces_by_time on traces (request_time desc, id);

create table trace_tags (
  trace integer not null references traces (number) on delete cascade,
  key text not null,
  value text not null,
  primary key (trace, key)
) strict, without rowid;

create table trace_metadata (
  trace integer not null references traces (number) on delete cascade,
  key text not null,
  value text not null,
  derived integer not null default 0,
  primary key (trace, key)
) strict, without rowid;

create table trace_runs (
  trace integer not null references traces (number) on delete cascade,
  run_id text not null,
  primary key (trace, run_id)
) strict, without rowid;
create index trace_runs_by_run on trace_runs (run_id, trace);

create table trace_prompts (
  trace integer not null references traces (number) on delete cascade,
  prompt text not null,
  primary key (trace, prompt)
) strict, without rowid;

create table spans (
  trace integer not null references traces (number) on delete cascade,
  id text not null,
  parent_id text not null,
  name text not null,
  type text not null,
  status text not null,
  status_message text not null,
  start_ns integer not null,
  end_ns integer not null,
  events text,
  links text,
  primary key (trace, id)
) strict, without rowid;

create table span_attributes (
  trace integer not null,
  span text not null,
  key text not null,
  is_text integer not null,
  value text not null,
  primary key (trace, span, key),
  foreign key (trace, span) references spans (trace, id) on delete cascade
) strict, without rowid;

create table assessments (
  number integer primary key autoincrement,
  id text not null unique,
  trace integer not null references traces (number) on delete cascade,
  name text not null,
  kind text not null,
  value text not null,
  text_value text not null,
  number_value real,
  error text,
  source_type text not null,
  source_id text not null,
  rationale text,
  metadata text,
  span_id text not null,
  create_time integer not null,
  last_update_time integer not null,
  overrides text not null,
  valid integer not null
) strict;
create index assessments_by_trace on assessments (trace, kind, name);
)sql"}};

}  // namespace millrace::tracking
