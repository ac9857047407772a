#include "serving/meters.h"

#include <algorithm>

namespace millrace::serving {
namespace {

using metrics::Exposition;
using metrics::Labels;

const std::vector<double> kDifferenceBuckets = {0,   1e-9, 1e-6, 1e-5, 1e-4, 1e-3, 0.003, 0.01, 0.02, 0.05,
                                                0.1, 0.2,  0.5,  1,    2,    5,    10,    100,  1e3,  1e4};

constexpr Exposition::About kPredictions{"millrace_predictions_total", "Rows predicted."};
constexpr Exposition::About kFailures{"millrace_prediction_failures_total", "Requests answered with an error."};
constexpr Exposition::About kUnlogged{"millrace_predictions_unlogged_total",
                                      "Rows that are not in the prediction log, since its columns changed meanwhile."};
constexpr Exposition::About kSeconds{"millrace_prediction_seconds", "Time to answer a request, without the network."};
constexpr Exposition::About kPhaseSeconds{"millrace_prediction_phase_seconds", "The same in its parts."};
constexpr Exposition::About kSwapSeconds{"millrace_swap_seconds", "Time to put another version in a version's place."};
constexpr Exposition::About kColdStartSeconds{"millrace_cold_start_seconds",
                                              "Time to load the models of an endpoint that slept."};
constexpr Exposition::About kCompared{"millrace_shadow_rows_total", "Rows that a shadow was compared on."};
constexpr Exposition::About kAgreed{"millrace_shadow_agreed_total", "Rows that a shadow decided as the answer did."};
constexpr Exposition::About kShadowFailures{"millrace_shadow_failures_total", "Requests that a shadow failed on."};
constexpr Exposition::About kDropped{"millrace_shadow_dropped_total", "Requests that a shadow did not see."};
constexpr Exposition::About kDifference{"millrace_shadow_difference", "The largest difference of a row's numbers."};
constexpr Exposition::About kShadowSeconds{"millrace_shadow_seconds", "Time of a shadow for a request."};

constexpr std::array<std::string_view, kPhases> kPhaseNames = {"queue", "features", "compute", "log"};

Labels with(Labels labels, std::string_view name, std::string_view value) {
  labels.emplace_back(name, value);
  return labels;
}

Labels labels_of(const MeterKey& key, std::string_view as) {
  return {{"endpoint", key.endpoint}, {"version", std::to_string(key.version)}, {std::string(as), key.as}};
}

void expose_latency(Exposition& out, const Labels& labels, const RequestMeter::Reading& reading) {
  for (const auto& [code, latency] : reading.by_code) {
    const Labels coded = with(labels, "code", code ? code_name(*code) : "OK");
    out.histogram(kSeconds, coded, latency.total.in_seconds());
    for (std::size_t i = 0; i < kPhases; ++i) {
      if (latency.phases[i].count() == 0) continue;
      out.histogram(kPhaseSeconds, with(coded, "phase", kPhaseNames[i]), latency.phases[i].in_seconds());
    }
  }
}

// What happens to every endpoint some day is told before it does: an increase from nothing is none to Prometheus.
void expose_failures(Exposition& out, const Labels& labels, const FailureCounts& failures) {
  constexpr std::array kTold = {Code::kInvalidArgument, Code::kDeadlineExceeded, Code::kNotFound, Code::kInternal,
                                Code::kUnavailable};
  for (std::size_t i = 1; i < kCodes; ++i) {
    const auto code = static_cast<Code>(i);
    if (failures.of(code) == 0 && std::ranges::find(kTold, code) == kTold.end()) continue;
    out.counter(kFailures, with(labels, "code", code_name(code)), failures.of(code));
  }
}

void expose_endpoint(Exposition& out, const std::string& name, const EndpointMeter& meter) {
  const Labels labels = {{"endpoint", name}};
  expose_failures(out, labels, meter.failures);
  out.counter(kUnlogged, labels, meter.unlogged.value());
  expose_latency(out, labels, meter.armless.read());
  out.histogram(kSwapSeconds, with(labels, "outcome", "done"), meter.swaps.read().in_seconds());
  out.histogram(kSwapSeconds, with(labels, "outcome", "failed"), meter.failed_swaps.read().in_seconds());
  if (const TimeReading starts = meter.cold_starts.read(); starts.count() > 0)
    out.histogram(kColdStartSeconds, labels, starts.in_seconds());
}

void expose_arm(Exposition& out, const MeterKey& key, const RequestMeter& meter) {
  const Labels labels = labels_of(key, "arm");
  const RequestMeter::Reading reading = meter.read();
  out.counter(kPredictions, labels, reading.rows);
  expose_latency(out, labels, reading);
}

void expose_shadow(Exposition& out, const MeterKey& key, const ShadowMeter& meter) {
  const Labels labels = labels_of(key, "shadow");
  out.counter(kCompared, labels, meter.compared.value());
  out.counter(kAgreed, labels, meter.agreed.value());
  out.counter(kShadowFailures, labels, meter.failures.value());
  out.counter(kDropped, labels, meter.dropped.value());
  out.histogram(kDifference, labels,
                {.upper_bounds = meter.difference.upper_bounds(),
                 .counts = meter.difference.counts(),
                 .sum = meter.difference.sum()});
  out.histogram(kShadowSeconds, labels, meter.latency.read().in_seconds());
}

}  // namespace

std::uint64_t InFlight::count() const {
  std::uint64_t sum = 0;
  counts_.visit_all([&](const auto& count) { sum += count.load(std::memory_order_relaxed); });
  return sum;
}

std::uint64_t FailureCounts::total() const {
  std::uint64_t sum = 0;
  for (const metrics::Counter& count : by_code_) sum += count.value();
  return sum;
}

ShadowMeter::ShadowMeter() : difference(kDifferenceBuckets) {}

// With the mutex held, as all of it: what only the map holds nobody can get meanwhile.
template <typename Key, typename Meter>
std::shared_ptr<Meter> Meters::Kept<Key, Meter>::find(const Key& key) {
  if (meters.size() >= most && !meters.contains(key)) {
    tell_all([](const Key&, const Meter&) {});
    most = std::max(kMost, 2 * meters.size());
  }
  std::shared_ptr<Meter>& meter = meters[key];
  if (!meter) meter = std::make_shared<Meter>();
  return meter;
}

// What becomes unused while it is told is told once more.
template <typename Key, typename Meter>
template <typename Tell>
void Meters::Kept<Key, Meter>::tell_all(const Tell& tell) {
  std::erase_if(meters, [&](const auto& entry) {
    const bool unused = entry.second.use_count() == 1;
    tell(entry.first, *entry.second);
    return unused;
  });
}

std::shared_ptr<EndpointMeter> Meters::of_endpoint(const std::string& endpoint) {
  const std::scoped_lock lock(mutex_);
  return endpoints_.find(endpoint);
}

std::shared_ptr<RequestMeter> Meters::of_arm(const MeterKey& arm) {
  const std::scoped_lock lock(mutex_);
  return arms_.find(arm);
}

std::shared_ptr<ShadowMeter> Meters::of_shadow(const MeterKey& shadow) {
  const std::scoped_lock lock(mutex_);
  return shadows_.find(shadow);
}

std::shared_ptr<RequestStatistics> Meters::of_version(const std::string& endpoint, std::int64_t version) {
  const std::scoped_lock lock(mutex_);
  return versions_.find({endpoint, version});
}

void Meters::expose(metrics::Exposition& out) {
  const std::scoped_lock lock(mutex_);
  endpoints_.tell_all([&](const auto& name, const auto& meter) { expose_endpoint(out, name, meter); });
  arms_.tell_all([&](const auto& key, const auto& meter) { expose_arm(out, key, meter); });
  shadows_.tell_all([&](const auto& key, const auto& meter) { expose_shadow(out, key, meter); });
  versions_.tell_all([](const auto&, const auto&) {});  // they are told elsewhere
}

}  // namespace millrace::serving
