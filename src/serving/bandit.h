#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/time.h"

namespace millrace::serving {

// What is known of an arm: so many predictions have a label, and so much reward, each of 0 to 1, came of them.
struct ArmEvidence {
  double trials = 0;
  double reward = 0;
  bool operator==(const ArmEvidence&) const = default;
};

// What was known of each version at a moment.
struct VersionEvidence {
  std::int64_t version = 0;
  ArmEvidence evidence;
  bool operator==(const VersionEvidence&) const = default;
};
struct BanditEvidence {
  std::vector<VersionEvidence> versions;  // those with labels, rising
  Timestamp as_of;

  ArmEvidence of(std::int64_t version) const;
};

// The share of requests that Thompson sampling gives each arm until there is more evidence: the probability that its
// mean reward is the highest. Posteriors are Beta(1 + reward, 1 + trials - reward): Thompson, Biometrika 25 (1933);
// rewards between 0 and 1 count in part. To give a request to the arm with the highest of one draw from each posterior,
// as it is usually told, is to give an arm just this share of requests (Scott, "A modern Bayesian look at the
// multi-armed bandit", 2010, section 2); so the shares are computed once an update, exactly and without random numbers,
// and a request's own hash chooses among them.
//
// Every arm has at least `floor`, which is below 1 / arms. Sums to 1.
std::vector<double> thompson_shares(std::span<const ArmEvidence> arms, double floor);

}  // namespace millrace::serving
