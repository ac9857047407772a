#pragma once

#include <cstdint>
#include <mutex>
#include <random>
#include <string>

namespace millrace {

// Where a module draws ids; passed in, so that a test can make them repeatable. Thread-safe.
class IdSource {
 public:
  virtual ~IdSource() = default;
  // 128 random bits as 32 lower-case hexadecimal digits, MLflow's form of a run id.
  virtual std::string next() = 0;
};

// Ids from the operating system's randomness.
class RandomIds final : public IdSource {
 public:
  std::string next() override;
};

// The same ids on every run; for tests.
class SeededIds final : public IdSource {
 public:
  explicit SeededIds(std::uint64_t seed = 1) : engine_(seed) {}
  std::string next() override;

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

}  // namespace millrace
