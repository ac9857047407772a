#pragma once

#include "db/migrations.h"

namespace millrace::notify {

// Times are microseconds since 1970. `since`: the newest event when the webhook was made; older ones are not its
// business. `secret` is empty or, where `sealed` is 1, sealed (base/seal.h) for "webhook ID". A delivery is a notice
// that a webhook has not taken yet.
inline constexpr db::Migration kMigrations[] = {{1, R"sql(
create table webhooks (
  number integer primary key autoincrement,
  id text not null unique,
  name text not null,
  url text not null,
  topics text not null,
  secret text not null,
  description text not null,
  active integer not null,
  since integer not null,
  creation_time integer not null,
  last_updated_time integer not null
) strict;

create table webhook_deliveries (
  number integer primary key autoincrement,
  webhook integer not null references webhooks (number) on delete cascade,
  event integer not null,
  id text not null,
  topic text not null,
  payload text not null,
  tries integer not null default 0,
  next_try integer not null,
  unique (webhook, event)
) strict;
create index webhook_deliveries_by_next_try on webhook_deliveries (next_try);
)sql"},
                                                {2, R"sql(
alter table webhooks add column sealed integer not null default 0;
)sql"}};

}  // namespace millrace::notify
