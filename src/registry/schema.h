#pragma once

#include "db/migrations.h"

namespace millrace::registry {

// Times are microseconds since 1970. The history of aliases stays when a model goes.
inline constexpr db::Migration kMigrations[] = {{1, R"sql(
create table registered_models (
  name text primary key,
  description text not null,
  creation_time integer not null,
  last_updated_time integer not null,
  next_version integer not null default 1
) strict, without rowid;

create table registered_model_tags (
  model text not null references registered_models (name) on delete cascade,
  key text not null,
  value text not null,
  primary key (model, key)
) strict, without rowid;

create table model_versions (
  model text not null references registered_models (name) on delete cascade,
  version integer not null,
  source text not null,
  run_id text not null,
  signature text not null,
  description text not null,
  pipeline_run text not null,
  key text unique,
  creation_time integer not null,
  last_updated_time integer not null,
  primary key (model, version)
) strict, without rowid;

create table model_version_tags (
  model text not null,
  version integer not null,
  key text not null,
  value text not null,
  primary key (model, version, key),
  foreign key (model, version) references model_versions (model, version) on delete cascade
) strict, without rowid;

create table registered_model_aliases (
  model text not null,
  alias text not null,
  version integer not null,
  primary key (model, alias),
  foreign key (model, version) references model_versions (model, version) on delete cascade
) strict, without rowid;
create index registered_model_aliases_by_version on registered_model_aliases (model, version);

create table alias_history (
  id integer primary key autoincrement,
  model text not null,
  alias text not null,
  version integer,
  previous integer,
  reason text not null,
  pipeline_run text not null,
  event_time integer not null
) strict;
create index alias_history_by_model on alias_history (model, id);
)sql"}};

}  // namespace millrace::registry
