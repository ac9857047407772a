#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>

namespace millrace::delivery {

enum class Direction { kLowerIsBetter, kHigherIsBetter };

// What a challenger must show.
struct GateSpec {
  std::string metric = "log_loss";
  Direction direction = Direction::kLowerIsBetter;
  double margin = 0;               // the champion must be beaten by at least this much
  std::int64_t min_rows = 1;       // labelled rows that the comparison must stand on
  double min_standard_errors = 0;  // 0: not asked for; else the improvement must be that many standard errors
};

// A difference of two models on the same rows, with what chance does to it.
struct PairedDifference {
  std::int64_t rows = 0;
  double mean = std::numeric_limits<double>::quiet_NaN();  // champion - challenger: positive, the challenger is better
  double standard_error = std::numeric_limits<double>::quiet_NaN();  // NaN with fewer than two rows

  // Mean in standard errors; its sign is the mean's. NaN where it is undefined.
  double z() const;
  // The chance of a mean at least this far above 0 between equally good models, by the normal approximation.
  double one_sided_p() const;
};

// From each row's loss (of log-loss: its term), champion and challenger row by row. Rows where either is not finite are
// left out.
PairedDifference paired_difference(std::span<const double> champion_losses, std::span<const double> challenger_losses);

// Both models on the same rows.
struct GateEvidence {
  std::int64_t rows = 0;
  double challenger = std::numeric_limits<double>::quiet_NaN();
  std::optional<double> champion;  // nullopt: there is no champion yet
  std::string challenger_version;  // for the reason, e.g. "v4"
  std::string champion_version;
  std::optional<PairedDifference> losses;
};

struct GateDecision {
  bool passed = false;
  std::string reason;                                             // one sentence, without a full stop
  double improvement = std::numeric_limits<double>::quiet_NaN();  // positive: the challenger is better
};

// Passes when the challenger beats the champion by at least the margin on at least min_rows rows (and, where asked for,
// by min_standard_errors standard errors). The first version passes without a champion, if its own metric is a number.
// NaN and infinities never pass.
GateDecision decide_gate(const GateSpec& spec, const GateEvidence& evidence);

}  // namespace millrace::delivery
