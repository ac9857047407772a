#pragma once

#include "search/schema.h"

namespace millrace::search {

// A small world of its own for this room's tests: things with metrics, params, labels and a prompt flag.
inline constexpr const char* kThingTables = R"sql(
create table things (
  number integer primary key autoincrement,
  id text not null unique,
  grp integer not null,
  name text not null,
  note text,
  started integer not null,
  ended integer
) strict;
create index things_by_group on things (grp, started desc, id);
create index things_by_start on things (started desc, id);
create table numbers (
  thing integer not null,
  key text not null,
  value real not null,
  is_nan integer not null,
  primary key (thing, key)
) strict, without rowid;
create index numbers_by_value on numbers (key, is_nan, value, thing);
create table texts (thing integer not null, key text not null, value text not null, primary key (thing, key)) strict, without rowid;
create index texts_by_prefix on texts (key, substr(value, 1, 64), thing);
create table labels (thing integer not null, name text not null, kind text not null) strict;
)sql";

inline const Schema& thing_schema() {
  static const Schema schema{
      .table = "things",
      .number = "things.number",
      .entities =
          {{.name = "metric",
            .aliases = {"metrics"},
            .type = Type::kNumber,
            .rows = {.from = "numbers k",
                     .owner = "k.thing",
                     .value = "k.value",
                     .key = "k.key",
                     .nan = "k.is_nan",
                     .index = Index::kNumber}},
           {.name = "parameter",
            .aliases = {"parameters", "param", "params"},
            .rows =
                {.from = "texts k", .owner = "k.thing", .value = "k.value", .key = "k.key", .index = Index::kPrefix},
            .default_key = "is_prompt",
            .default_value = "false"},
           {.name = "attribute",
            .aliases = {"attr", "attributes", "run"},
            .fields = {{.name = "run_id", .column = "things.id"},
                       {.name = "name", .column = "things.name", .aliases = {"Run name"}},
                       {.name = "note", .column = "things.note", .nulls = Nulls::kPossible},
                       {.name = "start_time", .type = Type::kTime, .column = "things.started", .aliases = {"created"}},
                       {.name = "end_time", .type = Type::kTime, .column = "things.ended", .nulls = Nulls::kPossible},
                       {.name = "experiment_id", .type = Type::kId, .column = "things.grp", .orders = false}}},
           {.name = "dataset",
            .aliases = {"datasets"},
            .fields = {{.name = "name", .source = {.from = "labels k", .owner = "k.thing", .value = "k.name"}},
                       {.name = "context", .source = {.from = "labels k", .owner = "k.thing", .value = "k.kind"}}}}},
      .default_order = {{"things.started", true}, {"things.id"}},
      .ties = {{"things.started", true}, {"things.id"}}};
  return schema;
}

}  // namespace millrace::search
