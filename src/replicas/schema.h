#pragma once

#include "db/migrations.h"

namespace millrace::replicas {

// The newest serving state's number, and what the state was: one row.
inline constexpr db::Migration kMigrations[] = {{1, R"sql(
create table serving_generation (
  id integer primary key,
  generation integer not null,
  digest text not null
) strict;
)sql"}};

}  // namespace millrace::replicas
