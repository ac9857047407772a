#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"
#include "duck/table.h"

namespace millrace::datasets {

// One immutable Parquet file of a dataset, ordered by event time.
struct Segment {
  std::string uri;
  std::string path;  // where it can be read on this machine
  std::string sha256;
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  Timestamp min_event_time;
  Timestamp max_event_time;
  std::int64_t first_version = 0;  // the version that brought it
  std::size_t columns = 0;         // it has so many of the version's columns, from the first
};

// An immutable snapshot of a dataset: all segments up to the one this version added.
struct Version {
  std::string dataset;
  std::int64_t version = 0;  // 1, 2, 3...
  std::string content_hash;  // SHA-256 over the segments' hashes: equal data, equal hash
  std::vector<Segment> segments;
  std::int64_t rows = 0;
  std::int64_t quarantined = 0;  // rows set aside, up to this version
  std::int64_t batch_rows = 0;   // rows that this version added
  std::int64_t batch_quarantined = 0;
  Timestamp created_event_time;
  Timestamp min_event_time;
  Timestamp max_event_time;
  std::vector<duck::ColumnType> schema;
  std::string event_time;  // the column
  std::string batch_id;
  std::string profile;        // JSON: the whole version's columns (docs/formats/profile.md)
  std::string batch_profile;  // JSON: of the rows that this version added
  std::string validation;     // JSON: Great Expectations' validation result of the batch
};

// What a list of versions shows.
struct VersionSummary {
  std::int64_t version = 0;
  std::string batch_id;
  std::string content_hash;
  std::int64_t rows = 0;
  std::int64_t quarantined = 0;
  std::int64_t batch_rows = 0;
  std::int64_t batch_quarantined = 0;
  Timestamp created_event_time;
  Timestamp min_event_time;
  Timestamp max_event_time;
};

// A table to stand in a from clause: read_parquet([...]) over the version's segments. With a span, only the segments
// that can hold rows with from <= event time <= to (compare the column yourself as well); a version without such
// segments reads as a table with the right columns and no rows.
std::string scan_sql(const Version& version);
std::string scan_sql(const Version& version, Timestamp from, Timestamp to);

}  // namespace millrace::datasets
