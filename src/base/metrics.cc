#include "base/metrics.h"

#include <algorithm>

#include "base/exposition.h"

namespace millrace::metrics {

Histogram::Histogram(std::vector<double> upper_bounds)
    : bounds_(std::move(upper_bounds)), counts_(bounds_.size() + 1) {}

void Histogram::observe(double value) {
  auto bucket = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
  counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::vector<std::uint64_t> Histogram::counts() const {
  std::vector<std::uint64_t> out;
  for (const auto& count : counts_) out.push_back(count.load(std::memory_order_relaxed));
  return out;
}

double Histogram::quantile(double q) const {
  return HistogramReading{.upper_bounds = bounds_, .counts = counts()}.quantile(q);
}

std::vector<double> latency_buckets() {
  return {10e-6, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3,
          20e-3, 50e-3, 0.1,   0.2,    0.5,    1,      2,    5,    10};
}

Registry::Family& Registry::family(const std::string& name, const std::string& help, std::string_view type) {
  auto& family = families_[name];
  if (family.type.empty()) family.help = help, family.type = type;
  return family;
}

Counter& Registry::counter(const std::string& name, const std::string& help, const Labels& labels) {
  std::lock_guard lock(mutex_);
  auto& slot = family(name, help, "counter").counters[labels];
  if (!slot) slot = std::make_unique<Counter>();
  return *slot;
}

Gauge& Registry::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  std::lock_guard lock(mutex_);
  auto& slot = family(name, help, "gauge").gauges[labels];
  if (!slot) slot = std::make_unique<Gauge>();
  return *slot;
}

Histogram& Registry::histogram(const std::string& name, const std::string& help, const Labels& labels,
                               std::vector<double> upper_bounds) {
  std::lock_guard lock(mutex_);
  auto& slot = family(name, help, "histogram").histograms[labels];
  if (!slot) slot = std::make_unique<Histogram>(std::move(upper_bounds));
  return *slot;
}

void Registry::before_exposition(std::function<void()> refresh) {
  std::lock_guard lock(mutex_);
  refreshers_.push_back(std::move(refresh));
}

std::string Registry::exposition() {
  std::vector<std::function<void()>> refreshers;
  {
    std::lock_guard lock(mutex_);
    refreshers = refreshers_;
  }
  for (const auto& refresh : refreshers) refresh();
  std::lock_guard lock(mutex_);
  Exposition out;
  for (const auto& [name, family] : families_) {
    const Exposition::About about{name, family.help};
    for (const auto& [labels, counter] : family.counters) out.counter(about, labels, counter->value());
    for (const auto& [labels, gauge] : family.gauges) out.gauge(about, labels, gauge->value());
    for (const auto& [labels, histogram] : family.histograms) {
      out.histogram(
          about, labels,
          {.upper_bounds = histogram->upper_bounds(), .counts = histogram->counts(), .sum = histogram->sum()});
    }
  }
  return out.text();
}

}  // namespace millrace::metrics
