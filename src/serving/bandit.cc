#include "serving/bandit.h"

#include <algorithm>
#include <boost/math/distributions/beta.hpp>
#include <numeric>

namespace millrace::serving {
namespace {

using Beta = boost::math::beta_distribution<double>;

constexpr int kPoints = 512;

// The integral over an arm's own quantiles u of the probability that all others lie below its quantile(u), by the
// midpoint rule: the integrand rises from 0 to 1, so that the error is below 1 / kPoints however narrow the posteriors.
double probability_of_best(const std::vector<Beta>& posteriors, std::size_t arm) {
  double sum = 0;
  for (int point = 0; point < kPoints; ++point) {
    const double mean = boost::math::quantile(posteriors[arm], (point + 0.5) / kPoints);
    double others_below = 1;
    for (std::size_t other = 0; other < posteriors.size(); ++other) {
      if (other != arm) others_below *= boost::math::cdf(posteriors[other], mean);
    }
    sum += others_below;
  }
  return sum / kPoints;
}

}  // namespace

ArmEvidence BanditEvidence::of(std::int64_t version) const {
  const auto found = std::ranges::find(versions, version, &VersionEvidence::version);
  return found == versions.end() ? ArmEvidence{} : found->evidence;
}

std::vector<double> thompson_shares(std::span<const ArmEvidence> arms, double floor) {
  std::vector<Beta> posteriors;
  for (const ArmEvidence& arm : arms) {
    const double reward = std::clamp(arm.reward, 0.0, arm.trials);
    posteriors.emplace_back(1 + reward, 1 + arm.trials - reward);
  }
  std::vector<double> shares;
  for (std::size_t arm = 0; arm < arms.size(); ++arm) shares.push_back(probability_of_best(posteriors, arm));
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  const double free = 1 - floor * static_cast<double>(arms.size());
  for (double& share : shares) share = floor + free * share / sum;
  return shares;
}

}  // namespace millrace::serving
