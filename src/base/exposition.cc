#include "base/exposition.h"

#include <fmt/format.h>

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

}  // namespace

double HistogramReading::quantile(double q) const {
  double total = 0;
  for (const auto count : counts) total += static_cast<double>(count);
  double below = 0;
  for (std::size_t i = 0; i < upper_bounds.size(); ++i) {
    const auto here = static_cast<double>(counts[i]);
    if (here > 0 && below + here >= q * total) {
      const auto low = i == 0 ? 0 : upper_bounds[i - 1];
      return low + (upper_bounds[i] - low) * (q * total - below) / here;
    }
    below += here;
  }
  return total == 0 || upper_bounds.empty() ? 0 : upper_bounds.back();
}

std::string& Exposition::series_of(const About& about, std::string_view type) {
  auto family = families_.find(about.name);
  if (family == families_.end()) {
    family = families_.emplace(about.name, Family{.help = escape(about.help), .type = type, .series = {}}).first;
  }
  return family->second.series;
}

void Exposition::counter(const About& about, const Labels& labels, std::uint64_t value) {
  series_of(about, "counter") += fmt::format("{}{} {}\n", about.name, render(labels), value);
}

void Exposition::gauge(const About& about, const Labels& labels, double value) {
  series_of(about, "gauge") += fmt::format("{}{} {}\n", about.name, render(labels), value);
}

void Exposition::histogram(const About& about, const Labels& labels, const HistogramReading& reading) {
  std::string& series = series_of(about, "histogram");
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < reading.counts.size(); ++i) {
    total += reading.counts[i];
    const auto bound = i + 1 < reading.counts.size() ? fmt::format("{}", reading.upper_bounds[i]) : "+Inf";
    series += fmt::format("{}_bucket{} {}\n", about.name, render(labels, fmt::format("le=\"{}\"", bound)), total);
  }
  const std::string all = render(labels);
  series += fmt::format("{}_sum{} {}\n{}_count{} {}\n", about.name, all, reading.sum, about.name, all, total);
}

std::string Exposition::text() const {
  std::string out;
  for (const auto& [name, family] : families_)
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n{}", name, family.help, name, family.type, family.series);
  return out;
}

}  // namespace millrace::metrics
