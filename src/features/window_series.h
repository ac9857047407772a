#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/time.h"
#include "features/aggregate.h"
#include "features/tiles.h"

namespace millrace::features {

// What a view keeps of each row: so many values, and what its features will ask of them.
struct SeriesLayout {
  std::vector<Spread> columns;    // one for each value
  Duration longest{0};            // the longest window or ttl
  bool unlimited_newest = false;  // a feature without aggregate and ttl: the newest row is kept for ever
};

// One answer: the aggregate of a column over a window, written to out[position].
struct WindowOutput {
  Aggregate aggregate = Aggregate::kMean;
  std::size_t position = 0;
};
struct WindowColumn {
  std::size_t column = 0;
  std::vector<WindowOutput> outputs;
};
struct WindowRead {
  Duration window{0};
  std::vector<WindowColumn> columns;
};
struct NewestRead {
  std::size_t column = 0;
  Duration ttl = Duration::max();
  std::size_t position = 0;
};
// What is asked of a series at a moment.
struct SeriesReads {
  std::vector<WindowRead> windows;
  std::vector<NewestRead> newest;

  // The answers where there is no row at all: 0 for a count, NaN for the rest.
  void nothing(std::span<double> out) const;
};

// Rows on their way into a series, in any order.
struct SeriesRows {
  std::size_t columns = 0;
  std::vector<std::int64_t> times;  // µs
  std::vector<double> values;       // row after row
  std::vector<std::int64_t> known;  // of pushed rows: their source's event time; empty where the rows came in a batch

  std::size_t size() const { return times.size(); }
  std::span<const double> row(std::size_t i) const { return {values.data() + i * columns, columns}; }
  void add(Timestamp time, std::span<const double> row);
  void clear() { times.clear(), values.clear(), known.clear(); }
};

// The rows of one key, in order of (event time, values), and what windows over them come to.
//
// The one implementation of feature windows: training sets and online answers both come from as_of(), and are equal to
// the last bit, because every answer is computed in an order that follows from the moment and the window alone: the
// rows before the first full hour, full hours (full days where they fit), the rows after the last full hour, hours and
// days being those of UTC. The order in which rows came, and how much older history is kept, do not matter.
// Not thread-safe.
class WindowSeries {
 public:
  // `layout` must outlive the series.
  explicit WindowSeries(const SeriesLayout& layout) : layout_(&layout) {}

  // Adds rows, wherever they belong. Sorts `rows`.
  void insert(SeriesRows& rows);

  // Drops pushed rows whose source's event time is at or before `until`: a batch has brought them.
  void settle(Timestamp until);

  // Drops rows that no question about a moment at or after `oldest_moment` can reach.
  void expire(Timestamp oldest_moment);

  // Answers `reads` as of `moment`: rows with a later event time do not exist.
  void as_of(Timestamp moment, const SeriesReads& reads, std::span<double> out) const;

  std::size_t size() const { return times_.size(); }
  bool empty() const { return times_.empty(); }

 private:
  void append(const SeriesRows& rows);
  void merge(const SeriesRows& rows);
  void rebuild_tiles(std::int64_t from_us);
  void rebuild_hours(std::int64_t first_hour);
  void rebuild_days(std::int64_t first_day);
  double newest(const NewestRead& read, std::size_t end, std::int64_t us) const;
  Moments window(std::size_t column, Span<std::size_t> rows, Span<std::int64_t> moments) const;
  void fold_tiles(Moments& into, std::size_t column, Span<std::int64_t> hours) const;
  void fold_rows(Moments& into, std::size_t column, std::size_t begin, std::size_t end) const;

  const SeriesLayout* layout_;
  std::vector<std::int64_t> times_;
  std::vector<double> values_;
  std::vector<std::int64_t> known_;  // kSettled, or of a pushed row its source's event time
  std::size_t pushed_ = 0;           // rows that are not settled
  Tiles hours_, days_;
};

}  // namespace millrace::features
