#pragma once

#include "db/migrations.h"

namespace millrace::access {

// Times are microseconds since 1970, by the machine's clock. A password is kept as Argon2id's text, a token as the
// SHA-256 of its secret in hexadecimal digits. A role's subject is a user's name, or "group:" and a group's. The audit
// log is only added to.
inline constexpr db::Migration kMigrations[] = {{1, R"sql(
create table users (
  id integer primary key autoincrement,
  name text not null unique,
  is_admin integer not null,
  password text,
  created integer not null
) strict;

create table user_groups (
  name text not null,
  member text not null,
  primary key (name, member)
) strict, without rowid;

create table tokens (
  id text not null primary key,
  name text not null,
  owner text not null,
  secret text not null unique,
  role text,
  created integer not null,
  expires integer,
  last_used integer,
  unique (owner, name)
) strict;

create table roles (
  subject text not null,
  project text not null,
  role text not null,
  primary key (subject, project)
) strict, without rowid;

create table audit (
  id integer primary key autoincrement,
  time integer not null,
  who text not null,
  known_by text not null,
  remote text not null,
  method text not null,
  route text not null,
  resource text not null,
  status integer not null
) strict;
create index audit_by_who on audit (who, id);
)sql"}};

}  // namespace millrace::access
