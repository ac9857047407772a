#include "features/window_series.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace millrace::features {
namespace {

constexpr std::int64_t kHour = 3'600'000'000;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kSettled = std::numeric_limits<std::int64_t>::min();
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

constexpr std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0); }
constexpr std::int64_t ceil_divide(std::int64_t a, std::int64_t b) { return a / b + (a % b > 0); }

std::int64_t saturating_subtract(std::int64_t a, std::int64_t b) {
  std::int64_t r = 0;
  if (!__builtin_sub_overflow(a, b, &r)) return r;
  return b > 0 ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
}

// One zero, one NaN: equal values have equal bits.
double canonical(double x) { return std::isnan(x) ? kMissing : x + 0.0; }

// A total order, NaN last.
int compare_values(std::span<const double> a, std::span<const double> b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] < b[i]) return -1;
    if (a[i] > b[i]) return 1;
    if (std::isnan(a[i]) != std::isnan(b[i])) return std::isnan(a[i]) ? 1 : -1;
  }
  return 0;
}

bool row_before(const SeriesRows& rows, std::size_t a, std::size_t b) {
  if (rows.times[a] != rows.times[b]) return rows.times[a] < rows.times[b];
  return compare_values(rows.row(a), rows.row(b)) < 0;
}

void sort_rows(SeriesRows& rows) {
  std::vector<std::uint32_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto before = [&](std::uint32_t a, std::uint32_t b) { return row_before(rows, a, b); };
  if (std::ranges::is_sorted(order, before)) return;
  std::ranges::sort(order, before);
  SeriesRows sorted;
  sorted.columns = rows.columns;
  for (const std::uint32_t i : order) {
    sorted.times.push_back(rows.times[i]);
    sorted.values.insert(sorted.values.end(), rows.row(i).begin(), rows.row(i).end());
    if (!rows.known.empty()) sorted.known.push_back(rows.known[i]);
  }
  rows = std::move(sorted);
}

// The number of times, of the first `end`, that are <= us. Searches backward in growing strides: what is asked for is
// mostly near, and near is in the cache.
std::size_t count_until(std::span<const std::int64_t> times, std::size_t end, std::int64_t us) {
  std::size_t above = end, stride = 1;
  while (above >= stride && times[above - stride] > us) above -= stride, stride *= 2;
  const std::size_t below = above >= stride ? above - stride : 0;
  return std::upper_bound(times.begin() + below, times.begin() + above, us) - times.begin();
}

double answer(const Moments& moments, Aggregate aggregate) {
  if (aggregate == Aggregate::kCount) return moments.count;
  if (moments.count == 0) return kMissing;
  switch (aggregate) {
    case Aggregate::kSum:
      return moments.sum;
    case Aggregate::kMean:
      return moments.sum / moments.count;
    case Aggregate::kMin:
      return moments.low;
    case Aggregate::kMax:
      return moments.high;
    case Aggregate::kStddev:
      return moments.count < 2 ? kMissing : std::sqrt(moments.squares / (moments.count - 1));
    case Aggregate::kCount:
    case Aggregate::kNewest:
      break;
  }
  return kMissing;
}

}  // namespace

void SeriesReads::nothing(std::span<double> out) const {
  for (const NewestRead& read : newest) out[read.position] = kMissing;
  for (const WindowRead& read : windows)
    for (const WindowColumn& column : read.columns)
      for (const WindowOutput& output : column.outputs) out[output.position] = answer({}, output.aggregate);
}

void SeriesRows::add(Timestamp time, std::span<const double> row) {
  times.push_back(time.us);
  for (const double x : row) values.push_back(canonical(x));
}

void WindowSeries::insert(SeriesRows& rows) {
  if (rows.size() == 0) return;
  sort_rows(rows);
  if (!rows.known.empty()) pushed_ += rows.size();
  if (times_.empty() || times_.back() < rows.times.front())
    append(rows);
  else
    merge(rows);
  rebuild_tiles(rows.times.front());
}

void WindowSeries::append(const SeriesRows& rows) {
  times_.insert(times_.end(), rows.times.begin(), rows.times.end());
  values_.insert(values_.end(), rows.values.begin(), rows.values.end());
  if (rows.known.empty())
    known_.resize(times_.size(), kSettled);
  else
    known_.insert(known_.end(), rows.known.begin(), rows.known.end());
}

// Takes off the rows after the first new one, and puts both back in order.
void WindowSeries::merge(const SeriesRows& rows) {
  const std::size_t columns = layout_->columns.size();
  const std::size_t from = std::ranges::lower_bound(times_, rows.times.front()) - times_.begin();
  SeriesRows tail{columns,
                  {times_.begin() + from, times_.end()},
                  {values_.begin() + from * columns, values_.end()},
                  {known_.begin() + from, known_.end()}};
  times_.resize(from), values_.resize(from * columns), known_.resize(from);
  const auto take = [&](const SeriesRows& source, std::size_t i) {
    times_.push_back(source.times[i]);
    values_.insert(values_.end(), source.row(i).begin(), source.row(i).end());
    known_.push_back(source.known.empty() ? kSettled : source.known[i]);
  };
  const auto tail_first = [&](std::size_t old_row, std::size_t new_row) {
    if (tail.times[old_row] != rows.times[new_row]) return tail.times[old_row] < rows.times[new_row];
    return compare_values(tail.row(old_row), rows.row(new_row)) <= 0;
  };
  std::size_t i = 0, j = 0;
  while (i < tail.size() || j < rows.size()) {
    if (j == rows.size() || (i < tail.size() && tail_first(i, j)))
      take(tail, i++);
    else
      take(rows, j++);
  }
}

void WindowSeries::settle(Timestamp until) {
  if (pushed_ == 0) return;
  const std::size_t columns = layout_->columns.size();
  std::size_t kept = 0;
  std::int64_t first_dropped = std::numeric_limits<std::int64_t>::max();
  for (std::size_t i = 0; i < times_.size(); ++i) {
    if (known_[i] != kSettled && known_[i] <= until.us) {
      first_dropped = std::min(first_dropped, times_[i]);
      --pushed_;
      continue;
    }
    times_[kept] = times_[i], known_[kept] = known_[i];
    std::copy_n(values_.begin() + i * columns, columns, values_.begin() + kept * columns);
    ++kept;
  }
  if (kept == times_.size()) return;
  times_.resize(kept), known_.resize(kept), values_.resize(kept * columns);
  rebuild_tiles(first_dropped);
}

// Cuts at the beginning of a day, so that no tile is left that has lost a part.
void WindowSeries::expire(Timestamp oldest_moment) {
  const std::int64_t reach = saturating_subtract(oldest_moment.us, layout_->longest.count());
  const std::int64_t day = floor_divide(reach, kDay);
  if (times_.empty() || times_.front() >= day * kDay) return;
  std::size_t drop = std::ranges::lower_bound(times_, day * kDay) - times_.begin();
  if (layout_->unlimited_newest && drop > 0) --drop;
  if (drop == 0) return;
  const std::size_t columns = layout_->columns.size();
  pushed_ -= std::count_if(known_.begin(), known_.begin() + drop, [](std::int64_t k) { return k != kSettled; });
  times_.erase(times_.begin(), times_.begin() + drop);
  known_.erase(known_.begin(), known_.begin() + drop);
  values_.erase(values_.begin(), values_.begin() + drop * columns);
  hours_.drop_before(day * 24, columns);
  days_.drop_before(day, columns);
}

void WindowSeries::rebuild_tiles(std::int64_t from_us) {
  if (layout_->longest.count() < kHour) return;
  rebuild_hours(floor_divide(from_us, kHour));
  rebuild_days(floor_divide(from_us, kDay));
}

void WindowSeries::rebuild_hours(std::int64_t first_hour) {
  const std::size_t columns = layout_->columns.size();
  hours_.cut_from(first_hour, columns);
  std::size_t row = std::ranges::lower_bound(times_, first_hour * kHour) - times_.begin();
  while (row < times_.size()) {
    const std::int64_t hour = floor_divide(times_[row], kHour);
    std::size_t end = row;
    while (end < times_.size() && times_[end] < (hour + 1) * kHour) ++end;
    hours_.numbers.push_back(hour);
    for (std::size_t c = 0; c < columns; ++c) fold_rows(hours_.moments.emplace_back(), c, row, end);
    row = end;
  }
}

void WindowSeries::rebuild_days(std::int64_t first_day) {
  const std::size_t columns = layout_->columns.size();
  days_.cut_from(first_day, columns);
  for (std::size_t i = hours_.find(first_day * 24); i < hours_.numbers.size(); ++i) {
    const std::int64_t day = floor_divide(hours_.numbers[i], 24);
    if (days_.numbers.empty() || days_.numbers.back() != day) {
      days_.numbers.push_back(day);
      days_.moments.resize(days_.numbers.size() * columns);
    }
    Moments* into = days_.moments.data() + (days_.numbers.size() - 1) * columns;
    for (std::size_t c = 0; c < columns; ++c) into[c].merge(hours_.moments[i * columns + c], layout_->columns[c]);
  }
}

double WindowSeries::newest(const NewestRead& read, std::size_t end, std::int64_t us) const {
  if (end == 0 || times_[end - 1] < saturating_subtract(us, read.ttl.count())) return kMissing;
  return values_[(end - 1) * layout_->columns.size() + read.column];
}

void WindowSeries::fold_rows(Moments& into, std::size_t column, std::size_t begin, std::size_t end) const {
  const std::size_t columns = layout_->columns.size();
  const bool spread = layout_->columns[column] == Spread::kKept;
  Moments moments = into;
  for (const double* x = values_.data() + begin * columns + column; begin < end; ++begin, x += columns) {
    if (std::isnan(*x)) continue;
    spread ? moments.add_spread(*x) : moments.add(*x);
  }
  into = moments;
}

void WindowSeries::as_of(Timestamp moment, const SeriesReads& reads, std::span<double> out) const {
  const std::size_t end = count_until(times_, times_.size(), moment.us);
  for (const NewestRead& read : reads.newest) out[read.position] = newest(read, end, moment.us);
  for (const WindowRead& read : reads.windows) {
    const std::int64_t start = saturating_subtract(moment.us, read.window.count());
    const Span<std::size_t> rows{count_until(times_, end, start), end};
    for (const WindowColumn& column : read.columns) {
      const Moments moments = window(column.column, rows, {start, moment.us});
      for (const WindowOutput& output : column.outputs) out[output.position] = answer(moments, output.aggregate);
    }
  }
}

// `rows` are those in (moments.begin, moments.end]. The order of the sums depends on the two moments alone.
Moments WindowSeries::window(std::size_t column, Span<std::size_t> rows, Span<std::int64_t> moments) const {
  Moments sum;
  if (rows.begin == rows.end) return sum;
  const Span<std::int64_t> hours{ceil_divide(moments.begin + 1, kHour), floor_divide(moments.end + 1, kHour)};
  if (hours.begin >= hours.end) return fold_rows(sum, column, rows.begin, rows.end), sum;

  std::size_t head = rows.begin, tail = rows.end;
  while (head < rows.end && times_[head] < hours.begin * kHour) ++head;
  while (tail > head && times_[tail - 1] >= hours.end * kHour) --tail;
  fold_rows(sum, column, rows.begin, head);
  fold_tiles(sum, column, hours);
  fold_rows(sum, column, tail, rows.end);
  return sum;
}

void WindowSeries::fold_tiles(Moments& into, std::size_t column, Span<std::int64_t> hours) const {
  const Span<std::int64_t> days{ceil_divide(hours.begin, 24), floor_divide(hours.end, 24)};
  const auto fold = [&](const Tiles& tiles, Span<std::int64_t> numbers) {
    const std::size_t columns = layout_->columns.size();
    for (std::size_t i = tiles.find(numbers.begin); i < tiles.numbers.size() && tiles.numbers[i] < numbers.end; ++i)
      into.merge(tiles.moments[i * columns + column], layout_->columns[column]);
  };
  if (days.begin >= days.end) return fold(hours_, hours);
  fold(hours_, {hours.begin, days.begin * 24});
  fold(days_, days);
  fold(hours_, {days.end * 24, hours.end});
}

}  // namespace millrace::features
