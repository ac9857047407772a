#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace millrace::training {

// Rows for XGBoost: row-major floats, NaN = missing.
class Matrix {
 public:
  static Result<Matrix> create(std::span<const float> rows, std::size_t features);
  Matrix(Matrix&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Matrix& operator=(Matrix&&) = delete;
  ~Matrix();

  Result<void> set_labels(std::span<const float> labels);
  void* handle() const { return handle_; }

 private:
  explicit Matrix(void* handle) : handle_(handle) {}
  void* handle_;
};

// One value of XGBoosterEvalOneIter: the set's name, the metric's, its value.
struct Evaluation {
  std::string set;
  std::string metric;
  double value = 0;
};

// An XGBoost booster through the C API. For one thread at a time.
class Booster {
 public:
  // The matrices are those that will be trained on and evaluated; they must outlive the booster.
  static Result<Booster> create(std::span<const Matrix* const> matrices);
  Booster(Booster&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Booster& operator=(Booster&&) = delete;
  ~Booster();

  Result<void> set_param(const std::string& name, const std::string& value);
  Result<void> set_feature_names(const std::vector<std::string>& names);
  Result<void> update(int round, const Matrix& train);
  // In the order of the sets, each with all of its metrics.
  Result<std::vector<Evaluation>> evaluate(int round, std::span<const Matrix* const> sets,
                                           const std::vector<std::string>& names);
  // The booster of the first `rounds` rounds.
  Result<Booster> first_rounds(int rounds) const;
  // Row-major; the number of values a row follows from the objective.
  Result<std::vector<float>> predict(const Matrix& rows) const;
  Result<std::string> save_ubjson() const;
  // The total gain of the splits, by the features' names.
  Result<std::map<std::string, double>> total_gain(const std::vector<std::string>& features) const;

 private:
  explicit Booster(void* handle) : handle_(handle) {}
  void* handle_;
};

// The version of the library, "1.7.4".
std::string xgboost_version();

}  // namespace millrace::training
