#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/metrics.h"

namespace millrace::metrics {

// What a histogram has counted by now.
struct HistogramReading {
  std::span<const double> upper_bounds;
  std::vector<std::uint64_t> counts;  // one more than bounds: the last is +Inf
  double sum = 0;

  // The value below which a share q of the observations lies, interpolated in its bucket; 0 without observations.
  double quantile(double q) const;
};

// Writes metrics in Prometheus' text format 0.0.4: each family once, by name, with its series as they came.
class Exposition {
 public:
  struct About {
    std::string_view name;
    std::string_view help;
  };

  void counter(const About& about, const Labels& labels, std::uint64_t value);
  void gauge(const About& about, const Labels& labels, double value);
  void histogram(const About& about, const Labels& labels, const HistogramReading& reading);
  std::string text() const;

 private:
  struct Family {
    std::string help;
    std::string_view type;
    std::string series;
  };
  std::string& series_of(const About& about, std::string_view type);

  std::map<std::string, Family, std::less<>> families_;
};

}  // namespace millrace::metrics
