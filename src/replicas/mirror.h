#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "replicas/model_cache.h"
#include "replicas/remote_features.h"
#include "replicas/state.h"
#include "serving/endpoint_spec.h"

namespace millrace::registry {
class Store;
}
namespace millrace::serving {
class Endpoints;
class RouteStore;
}  // namespace millrace::serving

namespace millrace::replicas {

// An endpoint that is not what the state says, and why.
struct Problem {
  std::string endpoint;
  std::string message;
  bool operator==(const Problem&) const = default;
};

// Makes endpoints of this process what a state says they are at the server, through a registry of its own that knows
// what the state names and nothing else. One thread at a time.
class Mirror {
 public:
  struct Parts {
    registry::Store& registry;
    serving::RouteStore& routes;
    serving::CompositionStore& compositions;
    serving::Endpoints& endpoints;
    RemoteFeatures& features;
    ModelCache& cache;
  };
  explicit Mirror(Parts parts) : parts_(parts) {}

  // Each endpoint is taken over whole or stays what it was; those that the state has no more are removed. What failed
  // is tried again with the next call, what is as before is left alone.
  std::vector<Problem> take(const ServingState& state);

 private:
  struct Taken {
    std::string text;  // what was taken over; "" while nothing or not all of it was
    std::set<std::string> models;
  };
  using Version = std::pair<std::string, std::int64_t>;

  Result<void> take(const EndpointState& endpoint, const ServingState& state);
  Result<void> reload(const std::string& endpoint);
  Result<void> put_versions(const std::vector<serving::MemberVersion>& needed, const ServingState& state);
  Result<void> put_composition(const EndpointState& endpoint, const serving::EndpointSpec& spec);
  Result<void> put_version(const VersionState& version);
  Result<void> put_shadows(const EndpointState& endpoint, const serving::EndpointSpec& spec);
  void forget_replaced(const ServingState& state);
  void remove_gone(const ServingState& state);
  void tidy(const ServingState& state);

  Parts parts_;
  std::map<std::string, Taken> taken_;            // by endpoint
  std::map<Version, std::string> known_;          // the digests of what the registry knows
  std::set<std::string> wanted_, wanted_before_;  // the digests of the newest state, and of the one before it
};

}  // namespace millrace::replicas
