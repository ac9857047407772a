#include "delivery/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace millrace::delivery {
namespace {

std::string named(const char* role, const std::string& version) {
  return version.empty() ? std::string("the ") + role : fmt::format("{} {}", role, version);
}

GateDecision refuse(double improvement, std::string reason) { return {false, std::move(reason), improvement}; }

double improvement_of(const GateSpec& spec, double challenger, double champion) {
  return spec.direction == Direction::kLowerIsBetter ? champion - challenger : challenger - champion;
}

// "challenger v4 has log_loss 0.4012 against champion v3's 0.4100 on 90000 rows"
std::string comparison(const GateSpec& spec, const GateEvidence& evidence) {
  return fmt::format("{} has {} {:.6g} against {}'s {:.6g} on {} rows",
                     named("challenger", evidence.challenger_version), spec.metric, evidence.challenger,
                     named("champion", evidence.champion_version), *evidence.champion, evidence.rows);
}

GateDecision judge_first(const GateSpec& spec, const GateEvidence& evidence) {
  return {true, fmt::format("there is no champion yet; {} is the first, with {} {:.6g} on {} rows",
                            named("challenger", evidence.challenger_version), spec.metric, evidence.challenger,
                            evidence.rows)};
}

GateDecision judge_pair(const GateSpec& spec, const GateEvidence& evidence) {
  const double improvement = improvement_of(spec, evidence.challenger, *evidence.champion);
  const std::string facts = comparison(spec, evidence);
  if (!(improvement >= spec.margin)) {
    return refuse(improvement, fmt::format("{}: {} by {:.6g}, less than the margin {:.6g}", facts,
                                           improvement > 0 ? "better" : "not better", improvement, spec.margin));
  }
  if (spec.min_standard_errors > 0) {
    const double z = evidence.losses ? evidence.losses->z() : std::nan("");
    if (!(z >= spec.min_standard_errors)) {
      return refuse(improvement,
                    fmt::format("{}: better by {:.6g}, but that is {:.2f} standard errors, fewer than {:.2f}", facts,
                                improvement, z, spec.min_standard_errors));
    }
  }
  return {true, fmt::format("{}: better by {:.6g}, the margin is {:.6g}", facts, improvement, spec.margin),
          improvement};
}

}  // namespace

double PairedDifference::z() const { return mean / standard_error; }

double PairedDifference::one_sided_p() const { return std::erfc(z() / std::sqrt(2.0)) / 2; }

PairedDifference paired_difference(std::span<const double> champion_losses, std::span<const double> challenger_losses) {
  PairedDifference result;
  double mean = 0;
  double squares = 0;  // of the differences from the mean, by Welford's update
  const std::size_t rows = std::min(champion_losses.size(), challenger_losses.size());
  for (std::size_t i = 0; i < rows; ++i) {
    const double difference = champion_losses[i] - challenger_losses[i];
    if (!std::isfinite(difference)) continue;
    const double step = difference - mean;
    mean += step / static_cast<double>(++result.rows);
    squares += step * (difference - mean);
  }
  const auto count = static_cast<double>(result.rows);
  if (result.rows > 0) result.mean = mean;
  if (result.rows > 1) result.standard_error = std::sqrt(squares / (count - 1) / count);
  return result;
}

GateDecision decide_gate(const GateSpec& spec, const GateEvidence& evidence) {
  const double none = std::nan("");
  if (!std::isfinite(evidence.challenger)) {
    return refuse(none, fmt::format("{} has no {} on {} rows", named("challenger", evidence.challenger_version),
                                    spec.metric, evidence.rows));
  }
  if (!evidence.champion) return judge_first(spec, evidence);
  if (!std::isfinite(*evidence.champion)) {
    return refuse(none, fmt::format("{} has no {} on the same {} rows, so nothing can be compared",
                                    named("champion", evidence.champion_version), spec.metric, evidence.rows));
  }
  if (evidence.rows < spec.min_rows) {
    return refuse(improvement_of(spec, evidence.challenger, *evidence.champion),
                  fmt::format("only {} labelled rows to compare on; the gate needs {}", evidence.rows, spec.min_rows));
  }
  return judge_pair(spec, evidence);
}

}  // namespace millrace::delivery
