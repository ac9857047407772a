#pragma once

#include "db/migrations.h"

namespace millrace::registry {

// Times are microseconds since 1970. The history of aliases stays when a model goes. A deleted version keeps its row,
// so that its key and number are not given again, and loses its tags and aliases. Rules and requests go by a model's
// name, and stay, too.
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
)sql"},
                                                {2, R"sql(
create table models_2 (
  number integer primary key autoincrement,
  name text not null unique,
  description text not null,
  creation_time integer not null,
  last_updated_time integer not null,
  next_version integer not null default 1
) strict;
insert into models_2 (name, description, creation_time, last_updated_time, next_version)
select name, description, creation_time, last_updated_time, next_version from registered_models order by creation_time;

create table model_tags_2 (
  model integer not null references models_2 (number) on delete cascade,
  key text not null,
  value text not null,
  primary key (model, key)
) strict, without rowid;
insert into model_tags_2 (model, key, value)
select m.number, t.key, t.value from registered_model_tags t join models_2 m on m.name = t.model;

create table versions_2 (
  number integer primary key autoincrement,
  model integer not null references models_2 (number) on delete cascade,
  version integer not null,
  source text not null,
  storage text not null default '',
  run_id text not null,
  run_link text not null default '',
  model_id text not null default '',
  user_id text not null default '',
  stage text not null default 'None',
  signature text not null,
  folder text not null default '{}',
  description text not null,
  pipeline_run text not null,
  key text unique,
  creation_time integer not null,
  last_updated_time integer not null,
  deleted_time integer,
  unique (model, version)
) strict;
insert into versions_2 (model, version, source, run_id, signature, description, pipeline_run, key, creation_time,
  last_updated_time)
select m.number, v.version, v.source, v.run_id, v.signature, v.description, v.pipeline_run, v.key, v.creation_time,
  v.last_updated_time
from model_versions v join models_2 m on m.name = v.model
order by v.creation_time, v.version;

create table version_tags_2 (
  version integer not null references versions_2 (number) on delete cascade,
  key text not null,
  value text not null,
  primary key (version, key)
) strict, without rowid;
insert into version_tags_2 (version, key, value)
select v.number, t.key, t.value
from model_version_tags t join models_2 m on m.name = t.model join versions_2 v on v.model = m.number and v.version = t.version;

create table aliases_2 (
  model integer not null references models_2 (number) on delete cascade,
  alias text not null,
  version integer not null references versions_2 (number) on delete cascade,
  primary key (model, alias)
) strict, without rowid;
insert into aliases_2 (model, alias, version)
select m.number, a.alias, v.number
from registered_model_aliases a join models_2 m on m.name = a.model
  join versions_2 v on v.model = m.number and v.version = a.version;

drop table registered_model_aliases;
drop table model_version_tags;
drop table model_versions;
drop table registered_model_tags;
drop table registered_models;
alter table models_2 rename to registered_models;
alter table model_tags_2 rename to registered_model_tags;
alter table versions_2 rename to model_versions;
alter table version_tags_2 rename to model_version_tags;
alter table aliases_2 rename to registered_model_aliases;
create index registered_model_aliases_by_version on registered_model_aliases (version);
create index model_versions_by_update on model_versions (last_updated_time);
create index model_versions_by_run on model_versions (run_id);
create index model_version_tags_by_key on model_version_tags (key, value);
create index registered_model_tags_by_key on registered_model_tags (key, value);
)sql"},
                                                {3, R"sql(
create index model_versions_by_logged_model on model_versions (model_id);
)sql"},
                                                {4, R"sql(
alter table model_versions add column made_by text not null default '';

create table move_rules (
  model text not null,
  kind text not null,
  place text not null,
  gate integer not null,
  approvals integer not null,
  role text not null,
  set_by text not null,
  set_time integer not null,
  primary key (model, kind, place)
) strict, without rowid;

create table move_requests (
  id integer primary key autoincrement,
  model text not null,
  kind text not null,
  place text not null,
  version integer not null,
  requested_by text not null,
  reason text not null,
  pipeline_run text not null,
  status text not null,
  closed_by text not null default '',
  closed_reason text not null default '',
  requested_time integer not null,
  closed_time integer
) strict;
create index move_requests_by_model on move_requests (model, status, id);

create table move_approvals (
  request integer not null references move_requests (id),
  who text not null,
  reason text not null,
  time integer not null,
  primary key (request, who)
) strict, without rowid;
)sql"}};

}  // namespace millrace::registry
