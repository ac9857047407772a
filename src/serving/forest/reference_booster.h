#pragma once

#include <random>
#include <string>
#include <utility>
#include <vector>

namespace millrace::serving {

// XGBoost itself, for tests: trained on made-up rows, some of whose values are missing.
class ReferenceBooster {
 public:
  struct Options {
    unsigned seed = 1;
    int rows = 800;
    int features = 6;
    int classes = 0;
    int rounds = 20;
    double missing = 0.1;
    std::vector<std::pair<std::string, std::string>> params;
  };

  explicit ReferenceBooster(const Options& options);
  ~ReferenceBooster();
  ReferenceBooster(const ReferenceBooster&) = delete;
  ReferenceBooster& operator=(const ReferenceBooster&) = delete;

  // `format` is "json" or "ubj".
  std::string save(const std::string& format) const;

  // Values in steps of a quarter, so that many equal a threshold, mixed with large, small and missing ones.
  std::vector<float> make_rows(int count);

  std::vector<float> predict(const std::vector<float>& rows, bool margins) const;

 private:
  std::vector<float> make_labels(const std::vector<float>& rows);

  Options options_;
  std::mt19937 random_;
  void* data_ = nullptr;
  void* booster_ = nullptr;
};

}  // namespace millrace::serving
