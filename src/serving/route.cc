#include "serving/route.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/suggest.h"

namespace millrace::serving {
namespace {

// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// Uniform in (0, 1): never 0, never 1.
double uniform(std::uint64_t hash) { return (static_cast<double>(hash >> 11) + 0.5) * 0x1p-53; }

Result<RouteChoice> answered_by(const RouteTable& table, std::size_t arm, RouteReason reason) {
  if (table.arms[arm].version) return RouteChoice{arm, reason};
  return unavailable("arm {} of endpoint {} has no model yet", table.arms[arm].name, table.endpoint);
}

Result<RouteChoice> choose_wanted(const RouteTable& table, std::string_view name) {
  const auto found = std::ranges::find(table.arms, name, &RouteArm::name);
  if (found != table.arms.end())
    return answered_by(table, static_cast<std::size_t>(found - table.arms.begin()), RouteReason::kOverride);
  std::vector<std::string> names;
  for (const RouteArm& arm : table.arms) names.push_back(arm.name);
  return not_found("endpoint {} has no arm \"{}\"{}", table.endpoint, name, did_you_mean(name, names));
}

Result<RouteChoice> choose_version(const RouteTable& table, std::int64_t version) {
  std::vector<std::string> served;
  for (std::size_t arm = 0; arm < table.arms.size(); ++arm) {
    if (table.arms[arm].version == version)
      return RouteChoice{arm, table.arms.size() == 1 ? RouteReason::kOnly : RouteReason::kVersion};
    if (table.arms[arm].version) served.push_back(std::to_string(*table.arms[arm].version));
  }
  if (served.empty()) return unavailable("endpoint {} has no model yet", table.endpoint);
  return not_found("endpoint {} serves version {}, not {}", table.endpoint, fmt::join(served, " and "), version);
}

// Arms without a model are left out of the comparison.
void weigh_by_evidence(const BanditSpec& bandit, const BanditEvidence& evidence, RouteTable& table) {
  table.by_id = RouteReason::kBandit;
  std::vector<ArmEvidence> known;
  for (const RouteArm& arm : table.arms) {
    if (arm.version) known.push_back(evidence.of(*arm.version));
  }
  const std::vector<double> shares = thompson_shares(known, bandit.floor);
  auto share = shares.begin();
  for (RouteArm& arm : table.arms) arm.weight = arm.version ? *share++ : 0;
}

}  // namespace

std::string_view to_text(RouteReason reason) {
  switch (reason) {
    case RouteReason::kOnly:
      return "only";
    case RouteReason::kVersion:
      return "version";
    case RouteReason::kOverride:
      return "override";
    case RouteReason::kSticky:
      return "sticky";
    case RouteReason::kWeight:
      return "weight";
    case RouteReason::kBandit:
      return "bandit";
  }
  return "";
}

RouteTable make_route_table(const std::string& endpoint, const RoutesInForce& in_force,
                            std::span<const std::optional<std::int64_t>> versions) {
  const RoutesSpec& routes = in_force.routes;
  const std::uint64_t salt = routes.sticky ? stable_hash(routes.sticky->salt) : 0;
  RouteTable table{.endpoint = endpoint};
  for (std::size_t i = 0; i < routes.arms.size(); ++i) {
    const ArmSpec& arm = routes.arms[i];
    table.arms.push_back({arm.name, versions[i], arm.weight, stable_hash(arm.name, salt)});
  }
  if (routes.bandit) weigh_by_evidence(*routes.bandit, in_force.evidence.value_or(BanditEvidence{}), table);
  return table;
}

Result<RouteChoice> choose_arm(const RouteTable& table, const RouteRequest& request) {
  if (!request.wanted_arm.empty()) return choose_wanted(table, request.wanted_arm);
  if (request.version) return choose_version(table, *request.version);
  if (table.arms.size() == 1) return RouteChoice{};
  const auto arm = arm_of_key(table.arms, request.sticky.value_or(request.id));
  return RouteChoice{arm.value_or(0), request.sticky ? RouteReason::kSticky : table.by_id};
}

std::optional<std::size_t> arm_of_key(std::span<const RouteArm> arms, std::string_view key) {
  const std::uint64_t hash = stable_hash(key);
  std::optional<std::size_t> best;
  double highest = 0;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    if (!arms[i].version) continue;
    const double score = -arms[i].weight / std::log(uniform(mixed(hash ^ arms[i].seed)));
    if (score > highest) highest = score, best = i;
  }
  return best;
}

double share_of(std::span<const RouteArm> arms, std::size_t arm) {
  double sum = 0;
  for (const RouteArm& each : arms) sum += each.version ? each.weight : 0;
  return arms[arm].version && sum > 0 ? arms[arm].weight / sum : 0;
}

// FNV-1a, whose low bits are weak, and a finaliser.
std::uint64_t stable_hash(std::string_view text, std::uint64_t seed) {
  std::uint64_t hash = 0xcbf29ce484222325 ^ mixed(seed + 0x9e3779b97f4a7c15);
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return mixed(hash);
}

}  // namespace millrace::serving
