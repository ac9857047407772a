#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace millrace::monitoring {

// The finite values of a numerical column, sorted once. NaN and infinities are counted as missing and left out, as
// Evidently does before each test.
class Sample {
 public:
  Sample() = default;
  explicit Sample(std::vector<double> values);

  std::span<const double> sorted() const { return sorted_; }
  std::size_t size() const { return sorted_.size(); }
  bool empty() const { return sorted_.empty(); }
  std::size_t missing() const { return missing_; }
  std::size_t distinct() const { return distinct_; }
  double mean() const { return mean_; }
  // Of the population: divided by n.
  double standard_deviation() const { return standard_deviation_; }

 private:
  std::vector<double> sorted_;
  std::size_t missing_ = 0;
  std::size_t distinct_ = 0;
  double mean_ = 0;
  double standard_deviation_ = 0;
};

// How often each value of a categorical column occurs; nulls are counted as missing.
class Categories {
 public:
  void add(const std::string& value) { ++counts_[value], ++size_; }
  void add_missing() { ++missing_; }

  const std::map<std::string, std::int64_t>& counts() const { return counts_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::size_t missing() const { return missing_; }

 private:
  std::map<std::string, std::int64_t> counts_;
  std::size_t size_ = 0;
  std::size_t missing_ = 0;
};

using Column = std::variant<Sample, Categories>;

std::size_t size(const Column& column);
std::size_t missing(const Column& column);

// Two columns counted over the same cells, in the same order: cell i of one faces cell i of the other.
struct CellCounts {
  std::vector<double> reference;
  std::vector<double> current;
};

// One cell per distinct value of either side, in ascending order of the values.
CellCounts count_values(const Sample& reference, const Sample& current);
CellCounts count_values(const Categories& reference, const Categories& current);

// numpy.histogram_bin_edges(values, bins="sturges") for floating-point values between `low` and `high`.
std::vector<double> sturges_edges(double low, double high, std::size_t values);

// numpy.histogram(values, edges): cells are closed on the left, the last one on both sides.
std::vector<double> histogram(std::span<const double> sorted, std::span<const double> edges);

// The cells that Evidently's PSI, KL and Jensen-Shannon use (get_binned_data): with more than 20 distinct reference
// values Sturges' equal-width bins over both samples together, else one cell per distinct value.
CellCounts evidently_cells(const Sample& reference, const Sample& current);

}  // namespace millrace::monitoring
