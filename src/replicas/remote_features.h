#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "replicas/state.h"
#include "replicas/upstream.h"
#include "serving/vectors.h"

namespace millrace::replicas {

// The feature services of a server, whose vectors it makes. Thread-safe; outlives the sources.
class RemoteFeatures {
 public:
  // kInvalidArgument for a malformed URL.
  static Result<std::unique_ptr<RemoteFeatures>> open(const ServerPlace& server);

  // What a service of the server asks for and gives, from now on.
  void declare(const FeatureState& service);
  // kUnavailable for one that was not declared. Its vectors are waited for: kUnavailable while the server cannot be
  // reached.
  Result<std::shared_ptr<const serving::VectorSource>> find(const std::string& service);

 private:
  class Source;
  class Turn;

  explicit RemoteFeatures(ServerPlace server) : server_(std::move(server)) {}

  const ServerPlace server_;
  std::mutex mutex_;
  std::map<std::string, FeatureState> declared_;  // guarded by mutex_
  std::vector<std::unique_ptr<Upstream>> idle_;   // guarded by mutex_: connections that nobody uses now
};

}  // namespace millrace::replicas
