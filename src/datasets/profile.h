#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "duck/table.h"

namespace millrace::datasets {

// Counts distinct values in 2 KiB to about 2 %: HyperLogLog (Flajolet et al. 2007) with linear counting for few values.
// The same for any order of values; merging equals having seen both.
class DistinctCounter {
 public:
  void add(std::uint64_t hash);
  void merge(const DistinctCounter& other);
  std::int64_t estimate() const;
  std::string encode() const;
  static Result<DistinctCounter> decode(std::string_view text);

 private:
  static constexpr int kBits = 11;
  std::array<std::uint8_t, 1 << kBits> registers_{};
};

// A histogram of at most 20 bins of equal width, which is a power of two and grows with the range. It depends on the
// values only, not on their order, so that histograms of parts merge exactly.
class DyadicHistogram {
 public:
  static constexpr std::int64_t kBins = 20;

  void add(double value);
  void merge(const DyadicHistogram& other);
  // {"edges": [...], "counts": [...]}: one more edge than counts.
  Json report() const;
  Json state() const;
  static DyadicHistogram of_state(const Json& state);

 private:
  std::int64_t index(double value) const;
  void start(double value);
  void extend(double value);
  void set_exponent(int exponent);
  void widen(int exponent);
  // Makes room for the bins [low, high], of which there are at most kBins.
  void cover(std::int64_t low, std::int64_t high);

  bool empty_ = true;
  int exponent_ = 0;      // bins are 2^exponent wide: bin i holds [i * width, (i + 1) * width)
  double scale_ = 1;      // 1 / width
  std::int64_t low_ = 0;  // the lowest and the highest bin
  std::int64_t high_ = 0;
  std::array<std::int64_t, kBins> counts_{};  // from low_
};

struct TextHash : std::hash<std::string_view> {
  using is_transparent = void;
};
using ValueCounts = std::unordered_map<std::string, std::int64_t, TextHash, std::equal_to<>>;

// What is known of a column's values.
class ColumnProfile {
 public:
  explicit ColumnProfile(duck::Type type) : type_(type) {}

  void add(const duck::Column& column);
  void merge(const ColumnProfile& other);
  Json report() const;
  Json state() const;
  static Result<ColumnProfile> of_state(const Json& state);

 private:
  void add_number(double value);
  void add_integer(std::int64_t value);
  void count_value(std::string_view value);

  duck::Type type_;
  std::int64_t count_ = 0;  // not null
  std::int64_t nulls_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // sum of squared differences from the mean
  double min_number_ = 0;
  double max_number_ = 0;
  std::int64_t min_integer_ = 0;
  std::int64_t max_integer_ = 0;
  std::string min_text_;
  std::string max_text_;
  DistinctCounter distinct_;
  DyadicHistogram histogram_;
  ValueCounts values_;  // of the first kValues distinct texts
  std::int64_t other_values_ = 0;
};

// A table's columns, profiled chunk by chunk. docs/formats/profile.md describes the report.
class Profile {
 public:
  explicit Profile(const std::vector<duck::ColumnType>& columns);

  void add(const duck::Table& rows);
  // The columns of `other` may have more columns at its end.
  void merge(const Profile& other);
  std::string report() const;
  // All of it, to be merged with later.
  std::string state() const;
  static Result<Profile> of_state(std::string_view state);

 private:
  std::int64_t rows_ = 0;
  std::vector<duck::ColumnType> types_;
  std::vector<ColumnProfile> columns_;
};

}  // namespace millrace::datasets
