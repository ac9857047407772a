#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/metrics.h"
#include "base/published.h"
#include "base/result.h"
#include "base/time.h"
#include "serving/assembler.h"
#include "serving/contract.h"
#include "serving/endpoint_spec.h"
#include "serving/infer.h"
#include "serving/request_queue.h"
#include "serving/served.h"
#include "serving/shadow_queue.h"
#include "serving/sleep.h"
#include "serving/vectors.h"

namespace millrace::registry {
class Store;
}
namespace millrace::blob {
class Store;
}
namespace millrace::datasets {
class Datasets;
struct SealedFile;
}  // namespace millrace::datasets

namespace millrace::serving {

class Inference;

struct ShadowStatus {
  std::string alias;
  std::optional<std::int64_t> version;             // none: the alias is not set, or its version cannot be scored here
  bool later = false;                              // it is scored when the request has been answered
  std::uint64_t compared = 0;                      // rows, by this version since the process started
  std::uint64_t agreed = 0;                        // those with the decision of the answer (comparison.h)
  std::uint64_t failures = 0;                      // requests
  std::uint64_t dropped = 0;                       // requests that it did not see, as it lagged behind
  double difference_mean = 0, difference_p99 = 0;  // of the largest difference of a row's numbers
  double p50_seconds = 0, p99_seconds = 0;         // of the shadow for a request
};

struct ArmStatus {
  ArmSpec spec;
  std::optional<std::int64_t> version;      // none: it has no model
  std::vector<MemberVersion> members;       // the registered versions that it is
  std::string problem;                      // why it has none; or empty
  ArmEvidence evidence;                     // of an arm of a bandit
  double share = 0;                         // of the requests that ask for no arm; arms without a model have none
  std::uint64_t predictions = 0;            // rows, by this version since the process started
  std::uint64_t failures = 0;               // requests that were answered with an error
  double p50_seconds = 0, p99_seconds = 0;  // of a request in here, without the network
  RequestTotals requests;                   // of the version, by whatever arm
};

struct EndpointStatus {
  EndpointSpec spec;
  RoutesInForce in_force;
  std::vector<ArmStatus> arms;
  std::optional<std::int64_t> version;  // of the first arm that has a model; none: no arm has one yet
  std::string problem;                  // why it has none, or why the newest version could not be taken; or empty
  bool unloaded = false;                // by Endpoints::unload()
  std::vector<ShadowStatus> shadows;
  std::string platform;                      // of the model: "xgboost_mlmodel"; "" without one
  std::vector<TensorSpec> inputs, outputs;   // what a request carries, and is answered
  std::string log;                           // the dataset of its predictions
  std::vector<std::string> feature_columns;  // those of the log that hold what the models scored
  std::uint64_t predictions = 0;             // by the versions that serve now, since the process started
  std::uint64_t failures = 0;                // requests that were answered with an error
  double p50_seconds = 0, p99_seconds = 0;   // of the slowest arm
  bool asleep = false;                       // its models are not in memory: nobody has asked them for long
  std::uint64_t cold_starts = 0;             // since the process started
  double cold_start_seconds = 0;             // of all of them
};

// Whether one of its arms answers by this version; and all versions that do, each once, in the order of the arms.
bool serves_version(const EndpointStatus& status, std::int64_t version);
std::vector<std::int64_t> served_versions(const EndpointStatus& status);

// Another version answers as an arm of an endpoint; none: the arm has no model.
struct VersionChange {
  std::string endpoint;
  std::string arm;
  std::optional<std::int64_t> version;
  std::optional<std::int64_t> previous;
  std::vector<MemberVersion> members;  // the registered versions that answer now
};

struct ArmWeight {
  std::string arm;
  double weight = 1;
};

// How the requests of an endpoint are scored whose model must be waited for.
struct ScoringStatus {
  QueueStatus queue;
  BatchPlan batches;
  BatchMeasurement measured;
  std::vector<WorkerStatus> workers;
};

// What is served, and the serving of it. infer() takes no lock and waits for nobody but while a prediction log changes
// its columns; everything else is for the control plane, thread-safe, one change of an endpoint at a time. A change
// loads what it needs while requests and changes of other endpoints go on, publishes the endpoint whole, and returns
// when no request uses the old state any more; old models are freed then. Keeps nothing on disk but the prediction logs
// and the routes that were set by hand: whoever composes a server applies the endpoints again at its start.
class Endpoints {
 public:
  struct Parts {
    registry::Store& registry;
    blob::Store& blobs;
    datasets::Datasets& datasets;
    RouteStore& routes;
    FindVectors find_vectors;
    const Clock& event_clock;  // a request's moment where it names none
    const Clock& wall_clock;   // served_at
    IdSource& ids;
    metrics::Registry& metrics;
    PythonHost* python = nullptr;  // null: models that need Python cannot be served
    // Called during a change, in order; must not call back. May be empty.
    std::function<void(const VersionChange&)> on_version_change;
    const Rehearsal* rehearsal = nullptr;      // null: models are loaded without one
    CompositionStore* compositions = nullptr;  // null: endpoints of several models cannot be served
    // Called after each change of anything that is served, during it; must not call back. May be empty.
    std::function<void()> on_change = {};
  };
  explicit Endpoints(Parts parts);
  // Requests that wait are answered kUnavailable.
  ~Endpoints();

  // Creates or changes; again with the same spec, too, after feature definitions changed. That the alias is not set yet
  // is no error: requests are answered kUnavailable until it is. A version that cannot be served is one: the endpoint
  // stays what it was.
  Result<void> apply(const EndpointSpec& spec);
  Result<void> remove(std::string_view name);
  // The registered model's aliases moved: takes over what stands behind them now, for every endpoint that uses it. A
  // version that fails (it is damaged, or wants inputs that the feature service has not) is answered as an error, and
  // the version before goes on serving.
  Result<void> refresh(std::string_view model);

  // Has the endpoint answer kUnavailable until load(), whatever its document and aliases do; not kept over a restart.
  Result<void> unload(std::string_view name);
  // Takes over what stands behind the endpoint's names now, and undoes unload().
  Result<void> load(std::string_view name);

  // Lets the models of endpoints leave memory that had no request for as long as their documents say; to be called now
  // and then. Such an endpoint is ready as before: a request has its models loaded, by what its names mean then, and
  // waits for them.
  void rest();

  // Divides the endpoint's requests so, whatever its document says (route_store.h says for how long), and why. An arm
  // that names an alias or a version which the model has not is kNotFound.
  Result<void> set_routes(std::string_view name, const RoutesSpec& routes, const std::string& reason);
  // Changes the weights of some arms. A name that is no arm is taken for an alias of the model, and becomes one.
  Result<void> set_weights(std::string_view name, std::span<const ArmWeight> weights, const std::string& reason);
  // Back to what the document says.
  Result<void> reset_routes(std::string_view name, const std::string& reason);
  // What labels say of the versions by now; the endpoint's bandit divides requests by it.
  Result<void> learn(std::string_view name, const BanditEvidence& evidence);
  // What becomes of routes set by hand when this document is applied: a sentence, or "" where there are none.
  Result<std::string> outlook(const EndpointSpec& spec) const;

  // Answers on the calling thread; the prediction is in the log when it returns. kNotFound for an endpoint or version
  // that is not served, kUnavailable before there is a model, kInvalidArgument for inputs that do not fit.
  // Where the model must be waited for, the calling thread waits; kUnavailable where too many do, kDeadlineExceeded.
  Result<InferAnswer> infer(std::string_view name, const InferRequest& request) const;

  // As infer(), for threads that must not wait: `done` is called before it returns where the model scores at once, else
  // later on another thread, where it must not take long. The request is looked at only during the call.
  template <std::invocable<Result<InferAnswer>> Done>
  void infer(std::string_view name, const InferRequest& request, Done done) const {
    auto answer = infer_at_once(name, request);
    if (answer) return done(std::move(*answer));
    infer_later(name, request, std::move(done));
  }
  // nullopt where the model must be waited for.
  std::optional<Result<InferAnswer>> infer_at_once(std::string_view name, const InferRequest& request) const;
  void infer_later(std::string_view name, const InferRequest& request, InferDone done) const;

  // Counts a request that was answered with an error as it could not be read.
  void note_unread(std::string_view name, Code code) const;

  // How an endpoint's requests wait and are scored together; nullopt where they do neither.
  Result<std::optional<ScoringStatus>> scoring(std::string_view name) const;

  // kUnavailable before there is a model.
  Result<std::shared_ptr<const Contract>> contract(std::string_view name) const;
  std::vector<std::string> names() const;

  Result<EndpointStatus> find(std::string_view name) const;
  std::vector<EndpointStatus> list() const;  // by name

  // Its metrics, in Prometheus' text format; what has left is told once more.
  std::string exposition() const;

  // Makes a dataset version of the predictions logged since the last one; of one endpoint.
  Result<void> commit_predictions(std::string_view name);

  // For predictions that are kept elsewhere. What the endpoint's log holds, as files to which nothing is added any
  // more, oldest first; nothing where it has no log. Once they are kept, they are dropped.
  Result<std::vector<datasets::SealedFile>> seal_predictions(std::string_view name);
  Result<void> drop_predictions(std::string_view name, std::int64_t through_sequence);
  // Takes the bytes of such a file of another process into the endpoint's log; answers how many rows that were. The
  // same rows again are dropped when the log is committed. kInvalidArgument for a file that is damaged, or of other
  // columns; kUnavailable before there is a log.
  Result<std::int64_t> take_predictions(std::string_view name, std::string_view file);

 private:
  using Served = std::shared_ptr<const ServedEndpoint>;

  Published<Snapshot>::Lease read() const;
  Result<Served> find_served(const Snapshot& snapshot, std::string_view name) const;
  Result<Served> find_served(std::string_view name) const;
  Served current(const std::string& name) const;
  std::shared_ptr<std::mutex> building(const std::string& name);
  Result<RoutesInForce> routes_of(const EndpointSpec& spec) const;
  Result<void> rebuild(const EndpointSpec& spec, RoutesInForce routes);
  Result<void> change_routes(const std::string& name, const RoutesSpec& routes, const std::string& reason);
  Result<void> publish(std::shared_ptr<ServedEndpoint> endpoint);
  std::shared_ptr<ServedEndpoint> emptied(const ServedEndpoint& endpoint);
  Result<void> attach_log(ServedEndpoint& endpoint);
  void attach_queue(ServedEndpoint& endpoint);
  void refuse_waiting(std::string_view name);
  bool rest(const std::string& name);
  static bool may_rest(const ServedEndpoint& endpoint);
  Result<Served> awake(const std::string& name);
  void score_waiting(const std::string& name, RequestQueue& queue, RequestQueue::Batch batch);
  void refuse(RequestQueue& queue, RequestQueue::Batch batch, const Error& error) const;
  Result<InferAnswer> finish(Inference& inference, Result<std::vector<Tensor>> outputs) const;
  static void note_failure(const ServedEndpoint& endpoint, const Inference& inference, Code code);
  void note_given_up(std::string_view name, const PendingRequest& request, Code code) const;
  Result<void> count_swap(const std::string& name, const std::function<Result<void>()>& change);
  void note_problem(const EndpointSpec& spec, const RoutesInForce& routes, const Error& error);
  void replace(const std::string& name, Served endpoint);
  void announce(const std::string& name, const Served& before, const Served& after) const;

  Parts parts_;
  mutable Meters meters_;
  Assembler assembler_;
  std::mutex buildings_mutex_;
  std::map<std::string, std::shared_ptr<std::mutex>, std::less<>> buildings_;  // held by whoever changes an endpoint
  mutable std::mutex change_;  // held by whoever changes the snapshot; after that of the endpoint
  std::set<std::string, std::less<>> unloaded_;
  Published<Snapshot> published_;
  std::map<std::string, std::unique_ptr<RequestQueue>, std::less<>> queues_;  // by endpoint; they stay
  IdleWatch idle_;                                                            // for whoever calls rest()
  mutable ShadowQueue shadows_;
};

}  // namespace millrace::serving
