#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/route_spec.h"
#include "serving/route_store.h"

namespace millrace::serving {

// Why an arm was chosen; "only", "version", "override", "sticky", "weight", "bandit".
enum class RouteReason : std::uint8_t { kOnly, kVersion, kOverride, kSticky, kWeight, kBandit };
inline constexpr std::size_t kRouteReasons = 6;
std::string_view to_text(RouteReason reason);

// An arm as routing sees it.
struct RouteArm {
  std::string name;
  std::optional<std::int64_t> version;  // none: it has no model and cannot answer
  double weight = 1;
  std::uint64_t seed = 0;  // of its name and the salt
};

// All that decides between an endpoint's arms, at one moment.
struct RouteTable {
  std::string endpoint;  // for messages
  std::vector<RouteArm> arms;
  RouteReason by_id = RouteReason::kWeight;  // why, where the request's id decides
};
// `versions` are those that the arms have now, in the arms' order. A bandit's weights are what its evidence says; none
// is no evidence.
RouteTable make_route_table(const std::string& endpoint, const RoutesInForce& in_force,
                            std::span<const std::optional<std::int64_t>> versions);

// What a request has to say about it.
struct RouteRequest {
  std::string_view id;                     // of the prediction
  std::optional<std::int64_t> version;     // wanted
  std::string_view wanted_arm;             // by its name; empty: none
  std::optional<std::string_view> sticky;  // the key of a sticky split; none: there is none, or the request has no key
};

struct RouteChoice {
  std::size_t arm = 0;
  RouteReason reason = RouteReason::kOnly;
};

// The arm that answers; always the same for the same table and request. First what the request wants (an arm by name, a
// version: kNotFound where there is none, kUnavailable where it has no model), then its key, then its id, so that one
// request told twice is answered by one arm. Arms without a model have no share. Where none has a share, the first.
Result<RouteChoice> choose_arm(const RouteTable& table, const RouteRequest& request);

// The arm of a key: highest-random-weight hashing (Thaler and Ravishankar, IEEE/ACM Trans. Networking 6(1), 1998) with
// weights by the logarithmic method (Schindler and Resch, "Weighted distributed hash tables", SPAA 2005): each arm
// scores -weight / ln(u), u being uniform in (0, 1) by a hash of key and arm; the highest score has it. Keys divide as
// the weights do, and a change of one arm's weight moves keys to or from that arm alone.
std::optional<std::size_t> arm_of_key(std::span<const RouteArm> arms, std::string_view key);

// An arm's part of the weights of those that have a model.
double share_of(std::span<const RouteArm> arms, std::size_t arm);

// 64 bits of a text, the same in every process and on every machine.
std::uint64_t stable_hash(std::string_view text, std::uint64_t seed = 0);

}  // namespace millrace::serving
