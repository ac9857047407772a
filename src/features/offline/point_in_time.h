#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "duck/duck.h"
#include "features/features.h"

namespace millrace::features::offline {

// Where a dataset's rows are read: a table to stand in a from clause.
struct SourceScan {
  std::string dataset;
  std::string sql;
};

struct PointInTimeOptions {
  int threads = 2;
};

// The feature vectors of a service for the moments and entities of a spine, as known at those moments: of each source
// only rows with event time <= T count.
//
// The spine needs a column event_time (timestamp, no nulls) and the service's inputs; other columns are kept. The
// answer has the spine's rows in their order, its columns, then one double column for each feature, null where it has
// no value. It is the same on every run, for any number of threads, and equal to what the online store answers, bit for
// bit. The dataset is read once, in pieces; kept are event times and values of the rows whose entity occurs in the
// spine.
Result<duck::Table> point_in_time(duck::Connection& connection, const ResolvedService& service, duck::Table spine,
                                  std::span<const SourceScan> scans, const PointInTimeOptions& options = {});

// The span of event time that a dataset's rows are needed from, for spines between these moments.
struct NeededSpan {
  std::optional<Timestamp> from;  // nullopt: from the beginning
  Timestamp to;
};
NeededSpan needed_span(const ResolvedService& service, std::string_view dataset, Timestamp first, Timestamp last);

}  // namespace millrace::features::offline
