#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"
#include "base/json.h"

namespace millrace::serving {

// One of the versions among which an endpoint's requests are divided. Equal where the same is meant, wherever it
// stands; so for the other specs here.
struct ArmSpec {
  std::string name;                     // in requests that ask for it, in the prediction log, in statistics
  std::string alias;                    // the version behind it answers; empty where `version` says which
  std::optional<std::int64_t> version;  // this one, whatever the aliases do
  double weight = 1;                    // its share among those of all arms; 0: only for requests that ask for it
  Position at;
  bool operator==(const ArmSpec& other) const;
};

// Requests with one key are answered by one arm.
struct StickySpec {
  enum class Source { kInput, kParameter, kHeader };
  Source source = Source::kInput;
  std::string name;  // of the input, the request parameter or the header that holds the key
  std::string salt;  // another salt divides the same keys in another way
  Position at;
  bool operator==(const StickySpec& other) const;
};

// A request may ask for an arm by its name.
struct OverrideSpec {
  enum class Source { kParameter, kHeader };
  Source source = Source::kHeader;
  std::string name;
  bool operator==(const OverrideSpec&) const = default;
};

// The shares of arms follow what labels say of them (bandit.h), in place of weights.
struct BanditSpec {
  std::string reward = "label";  // SQL over `label` and `prediction`; from 0 to 1, what is beyond is cut off
  Duration every = std::chrono::minutes(10);  // event time between two looks at the labels
  std::optional<Duration> window;             // only predictions of so much event time count; none: all
  double floor = 0.01;                        // the least share of an arm
  Position at;
  bool operator==(const BanditSpec& other) const;
};

// How an endpoint's requests are divided.
struct RoutesSpec {
  std::vector<ArmSpec> arms;  // at least one; the first is the endpoint's version where only one can be named
  std::optional<StickySpec> sticky;
  std::optional<OverrideSpec> chosen_by;
  std::optional<BanditSpec> bandit;
  bool operator==(const RoutesSpec&) const = default;

  const ArmSpec* find_arm(std::string_view name) const;
  std::vector<std::string> arm_names() const;
};

// What an endpoint without `routes` has: one arm, that follows an alias and bears its name.
RoutesSpec single_route(const std::string& alias);

// The value of a document's key `routes`; faults go to `diagnostics`.
RoutesSpec parse_routes(const Node& node, Diagnostics& diagnostics);
// The same from JSON text; kInvalidArgument with all its faults.
Result<RoutesSpec> parse_routes(std::string_view json);
// As a document would say it.
Json to_json(const RoutesSpec& routes);

// Letters, digits, _ and -, the first a letter or _.
bool is_route_name(std::string_view name);
// What is wrong with the weights: one that is negative or not finite, or none above 0; empty: nothing.
std::string weights_fault(const RoutesSpec& routes);

// "champion 90%, challenger 10%"
std::string shares_text(const RoutesSpec& routes);

}  // namespace millrace::serving
