#pragma once

#include "db/migrations.h"

namespace millrace::tracking {

// Tables of their own numbering, "evaluation". inputs, outputs, expectations, tags and source of a record are JSON;
// input_hash is of the inputs with their keys sorted: the same inputs are the same record.
inline constexpr db::Migration kEvaluationMigrations[] = {{1, R"sql(
create table evaluation_datasets (
  number integer primary key autoincrement,
  id text not null unique,
  name text not null,
  digest text not null,
  schema text,
  profile text,
  created_time integer not null,
  last_update_time integer not null,
  created_by text,
  last_updated_by text
) strict;
create index evaluation_datasets_by_time on evaluation_datasets (created_time desc, id desc);

create table evaluation_dataset_tags (
  dataset integer not null references evaluation_datasets (number) on delete cascade,
  key text not null,
  value text not null,
  primary key (dataset, key)
) strict, without rowid;

create table evaluation_dataset_experiments (
  dataset integer not null references evaluation_datasets (number) on delete cascade,
  experiment_id integer not null references experiments (id) on delete cascade,
  primary key (dataset, experiment_id)
) strict, without rowid;

create table evaluation_records (
  number integer primary key autoincrement,
  id text not null unique,
  dataset integer not null references evaluation_datasets (number) on delete cascade,
  input_hash text not null,
  inputs text not null,
  outputs text,
  expectations text,
  tags text,
  source text,
  source_id text,
  source_type text,
  created_time integer not null,
  last_update_time integer not null,
  created_by text,
  last_updated_by text,
  unique (dataset, input_hash)
) strict;
)sql"}};

}  // namespace millrace::tracking
