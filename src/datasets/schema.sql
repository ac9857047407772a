create table datasets (
  name text primary key,
  is_log integer not null,
  spec text not null,
  profile_state text
) strict;

create table dataset_versions (
  dataset text not null references datasets (name),
  version integer not null,
  batch_id text not null,
  content_hash text not null,
  rows integer not null,
  quarantined integer not null,
  batch_rows integer not null,
  batch_quarantined integer not null,
  created_event_time integer not null,
  min_event_time integer not null,
  max_event_time integer not null,
  columns text not null,
  event_time text not null,
  profile text not null,
  batch_profile text not null,
  validation text not null,
  quarantine_uri text,
  log_sequence integer,
  primary key (dataset, version),
  unique (dataset, batch_id)
) strict;

create table dataset_segments (
  dataset text not null references datasets (name),
  first_version integer not null,
  uri text not null,
  sha256 text not null,
  rows integer not null,
  bytes integer not null,
  min_event_time integer not null,
  max_event_time integer not null,
  columns integer not null,
  primary key (dataset, first_version)
) strict;
