#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/metrics.h"
#include "serving/endpoint_spec.h"
#include "serving/prediction_log.h"
#include "serving/runtime.h"
#include "serving/vectors.h"

namespace millrace::serving {

// A model version in memory: there as long as an endpoint or a request uses it.
struct LoadedModel {
  std::string model;
  std::int64_t version = 0;
  std::unique_ptr<const Runtime> runtime;
};

// A loaded model in its place at an endpoint.
struct ScoredModel {
  std::string alias;
  std::shared_ptr<const LoadedModel> model;  // null for a shadow whose alias is not set
  std::vector<std::size_t> columns;          // where in the vector each of its inputs stands; empty: it is the vector

  const std::vector<TensorSpec>& outputs() const { return model->runtime->outputs(); }
};

// Counts of one version at one endpoint.
struct VersionStatistics {
  metrics::Counter& predictions;
  metrics::Histogram& latency;  // seconds a request
};

// An endpoint as requests see it. Immutable.
struct ServedEndpoint {
  EndpointSpec spec;
  ScoredModel champion;  // its model is null where there is none yet; `problem` says why
  std::vector<ScoredModel> shadows;
  std::string problem;
  std::shared_ptr<const VectorSource> vectors;  // null where the model takes the request's tensors
  std::shared_ptr<PredictionLog> log;           // null without a model
  std::shared_ptr<VersionStatistics> statistics;
  metrics::Counter* failures = nullptr;
};

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

// All endpoints at one moment.
struct Snapshot {
  // A log is being rebuilt: requests wait for the next snapshot.
  bool changing = false;
  std::unordered_map<std::string, std::shared_ptr<const ServedEndpoint>, TextHash, std::equal_to<>> endpoints;
};

}  // namespace millrace::serving
