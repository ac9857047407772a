#pragma once

#include "db/migrations.h"

namespace millrace::transfer {

// What was taken over from elsewhere, whole: a fingerprint of what it was made of there.
inline constexpr db::Migration kMigrations[] = {{1, R"sql(
create table carried (
  kind text not null,
  id text not null,
  fingerprint text not null,
  primary key (kind, id)
) strict, without rowid;
)sql"}};

}  // namespace millrace::transfer
