#include "base/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace millrace::metrics {
namespace {

std::string escape(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '"' || c == '\\')
      out += {'\\', c};
    else
      out += c;
  }
  return out;
}

std::string render(const Labels& labels, std::string_view extra = {}) {
  std::string out;
  for (const auto& [name, value] : labels)
    out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : ",", name, escape(value));
  if (!extra.empty()) out += fmt::format("{}{}", out.empty() ? "" : ",", extra);
  return out.empty() ? out : "{" + out + "}";
}

void render_histogram(std::string& out, const std::string& name, const Labels& labels, const Histogram& histogram) {
  auto counts = histogram.counts();
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    total += counts[i];
    auto bound = i + 1 < counts.size() ? fmt::format("{}", histogram.upper_bounds()[i]) : "+Inf";
    out += fmt::format("{}_bucket{} {}\n", name, render(labels, fmt::format("le=\"{}\"", bound)), total);
  }
  out +=
      fmt::format("{}_sum{} {}\n{}_count{} {}\n", name, render(labels), histogram.sum(), name, render(labels), total);
}

}  // namespace

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
  auto counts = this->counts();
  double total = 0;
  for (auto count : counts) total += static_cast<double>(count);
  double below = 0;
  for (std::size_t i = 0; i < bounds_.size(); ++i) {
    auto here = static_cast<double>(counts[i]);
    if (here > 0 && below + here >= q * total) {
      auto low = i == 0 ? 0 : bounds_[i - 1];
      return low + (bounds_[i] - low) * (q * total - below) / here;
    }
    below += here;
  }
  return total == 0 || bounds_.empty() ? 0 : bounds_.back();
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
  std::string out;
  for (const auto& [name, family] : families_) {
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, escape(family.help), name, family.type);
    for (const auto& [labels, counter] : family.counters)
      out += fmt::format("{}{} {}\n", name, render(labels), counter->value());
    for (const auto& [labels, gauge] : family.gauges)
      out += fmt::format("{}{} {}\n", name, render(labels), gauge->value());
    for (const auto& [labels, histogram] : family.histograms) render_histogram(out, name, labels, *histogram);
  }
  return out;
}

}  // namespace millrace::metrics
