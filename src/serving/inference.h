#pragma once

#include <boost/container/small_vector.hpp>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "serving/bind.h"
#include "serving/infer.h"
#include "serving/score.h"
#include "serving/served.h"
#include "serving/shadow_queue.h"

namespace millrace::serving {

// Where a request's times and id come from.
struct InferenceSources {
  const Clock& event_clock;
  const Clock& wall_clock;
  IdSource& ids;
  ShadowQueue& shadows;
};

// One request at one endpoint: choose the arm, bind, make the vectors where the model takes vectors, score, log,
// answer; all on the calling thread.
class Inference {
 public:
  using Outputs = std::vector<Tensor>;

  using Moment = std::chrono::steady_clock::time_point;

  Inference(const std::shared_ptr<const ServedEndpoint>& endpoint, const InferRequest& request,
            const InferenceSources& sources)
      : Inference(endpoint, request, sources, std::chrono::steady_clock::now()) {
    begun_at_ = start_;
    waited_ = false;
  }
  // Of a request that has waited since `start`.
  Inference(const std::shared_ptr<const ServedEndpoint>& endpoint, const InferRequest& request,
            const InferenceSources& sources, Moment start)
      : served_(endpoint), endpoint_(*endpoint), request_(request), sources_(sources), start_(start) {}

  Result<InferAnswer> run();
  // That was chosen to answer; null where it did not come so far.
  const ServedArm* arm() const { return arm_; }
  // As far as the request has come; the phase that it is in ends now.
  PhaseTimes times() const;

  // In steps, where the model must be waited for: bind, (score_together,) the shadows, and the rest.
  Result<void> prepare();
  void score_shadows(const Outputs& answer);
  Result<InferAnswer> finish(Outputs outputs);
  // What the model answers to each of them, scored at once as far as their rows go together. An error of the model's is
  // only that request's whose rows it does not take.
  friend std::vector<Result<Outputs>> score_together(std::span<Inference* const> inferences);

 private:
  using Doubles = boost::container::small_vector<double, 64>;

  Result<void> choose();
  Result<RouteChoice> choose_arm() const;
  Result<void> check_model() const;
  Result<void> check_outputs() const;
  Result<void> bind();
  bool carries_whole_vectors() const;
  Result<void> bind_whole_vectors();
  Result<void> make_vectors();
  RequestRows request_rows() const;
  void leave_for_later(const InferAnswer& answer);
  Result<void> log(const InferAnswer& answer);
  bool joins(const Inference& other) const;
  static Result<Outputs> score_joined(std::span<Inference* const> inferences);
  static std::vector<Result<Outputs>> score_group(std::span<Inference* const> inferences);
  void count() const;
  void keep_wanted(Outputs& outputs) const;

  const std::shared_ptr<const ServedEndpoint>& served_;
  const ServedEndpoint& endpoint_;
  const InferRequest& request_;
  const InferenceSources& sources_;
  bool waited_ = true;
  Moment start_, begun_at_, bound_at_, scored_at_;  // where a phase ended; none: it has not come so far
  std::string id_;                                  // of the prediction
  const ServedArm* arm_ = nullptr;                  // that answers
  RouteReason reason_ = RouteReason::kOnly;
  Timestamp event_time_, served_at_;
  std::size_t rows_ = 0;
  BoundInputs bound_;      // of a feature service, or of a model of columns
  std::size_t width_ = 0;  // of a vector
  Doubles vectors_;
  BoundTensors tensors_;          // of a model that takes tensors
  std::vector<Outputs> shadows_;  // as the log's schema has them; empty where one was not scored
};

std::vector<Result<Inference::Outputs>> score_together(std::span<Inference* const> inferences);

}  // namespace millrace::serving
