#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "serving/batch.h"
#include "serving/endpoint_spec.h"
#include "serving/meters.h"
#include "serving/model_loader.h"
#include "serving/prediction_log.h"
#include "serving/route.h"
#include "serving/route_store.h"
#include "serving/vectors.h"

namespace millrace::serving {

struct Contract;

class RequestQueue;

// A loaded model in its place at an endpoint.
struct ScoredModel {
  std::string alias;
  std::shared_ptr<const LoadedModel> model;  // null where the alias is not set
  std::vector<std::size_t> columns;          // where in the vector each of its inputs stands; empty: it is the vector

  const std::vector<TensorSpec>& outputs() const { return model->runtime->outputs(); }
};

// One of the versions that answer.
struct ServedArm {
  ScoredModel scored;
  std::string problem;                            // why it has no model; or empty
  std::array<std::string, kRouteReasons> logged;  // what the log's column `route` says, by RouteReason
  // Of one with a model: what is counted of the version as this arm, and of the version whatever its arm.
  std::shared_ptr<RequestMeter> meter;
  std::shared_ptr<RequestStatistics> statistics;
};

// An alias that is scored beside.
struct ServedShadow {
  ScoredModel scored;
  // In place: trees, which take microseconds, are scored before the answer, with which they are logged. Later: all
  // else is scored on another thread, once the request has been answered (shadow_queue.h).
  enum class When : std::uint8_t { kInPlace, kLater };
  When when = When::kInPlace;
  std::shared_ptr<ShadowMeter> meter;  // of one with a model
};

// An endpoint as requests see it. Immutable.
struct ServedEndpoint {
  EndpointSpec spec;
  RoutesInForce in_force;
  std::vector<ServedArm> arms;  // at least one
  RouteTable table;             // of the same arms
  // The first arm with a model, else the first: its inputs and outputs are the endpoint's.
  std::size_t primary = 0;
  std::vector<ServedShadow> shadows;
  bool later_shadows = false;                   // one of them is scored later
  std::string problem;                          // why the endpoint is not what was asked for; or empty
  bool unloaded = false;                        // by hand
  std::shared_ptr<const Contract> contract;     // what a request must be like; null without a model
  std::shared_ptr<const VectorSource> vectors;  // null where the model takes the request's tensors
  std::shared_ptr<PredictionLog> log;           // null without a model
  PredictionSchema logged;                      // the log's columns, as this endpoint fills them
  RequestQueue* queue = nullptr;                // where a model must be waited for
  BatchPlan batches;                            // of the requests in the queue
  std::shared_ptr<EndpointMeter> meter;         // never null
  bool asleep = false;                          // its models are not in memory (sleep.h)

  const ScoredModel& primary_model() const { return arms[primary].scored; }
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
