#include <algorithm>
#include <deque>
#include <future>

#include "serving/inference.h"
#include "serving/serving.h"

// Endpoints whose models must be waited for.
namespace millrace::serving {
namespace {

bool blocks(const ScoredModel& scored) { return scored.model && scored.model->runtime->blocks(); }

constexpr std::int64_t kLookupLanes = 8;  // requests whose vectors another machine makes, at once

bool waits_for_vectors(const ServedEndpoint& endpoint) { return endpoint.vectors && endpoint.vectors->waits(); }

// The model that requests wait for, or whose vectors they do; null where they wait for nothing. Nobody waits for
// shadows.
const LoadedModel* waited_for(const ServedEndpoint& endpoint) {
  if (waits_for_vectors(endpoint) && !blocks(endpoint.primary_model())) return endpoint.primary_model().model.get();
  for (const ServedArm& arm : endpoint.arms) {
    if (blocks(arm.scored)) return arm.scored.model.get();
  }
  return nullptr;
}

}  // namespace

Endpoints::~Endpoints() {
  assembler_.stop();
  for (const auto& [name, queue] : queues_) queue->stop();
}

Result<InferAnswer> Endpoints::infer(std::string_view name, const InferRequest& request) const {
  if (auto answer = infer_at_once(name, request)) return std::move(*answer);
  std::promise<Result<InferAnswer>> answered;
  infer_later(name, request, [&](Result<InferAnswer> answer) { answered.set_value(std::move(answer)); });
  return answered.get_future().get();
}

void Endpoints::infer_later(std::string_view name, const InferRequest& request, InferDone done) const {
  for (;;) {
    const auto endpoint = find_served(name);
    if (!endpoint) return done(std::unexpected(endpoint.error()));
    if (RequestQueue* queue = (*endpoint)->queue)
      return queue->add(request, (*endpoint)->in_force.routes, std::move(done));
    if (auto answer = infer_at_once(name, request)) return done(std::move(*answer));  // it has just changed
  }
}

// The endpoint's requests wait in one queue, whatever versions answer them.
void Endpoints::attach_queue(ServedEndpoint& endpoint) {
  const LoadedModel* model = waited_for(endpoint);
  if (model == nullptr) return;
  const EndpointSpec& spec = endpoint.spec;
  auto& queue = queues_[spec.name];
  if (!queue) {
    auto score = [this, name = spec.name](RequestQueue& asked, RequestQueue::Batch batch) {
      score_waiting(name, asked, batch);
    };
    auto given_up = [this, name = spec.name](const PendingRequest& request, Code code) {
      note_given_up(name, request, code);
    };
    queue = std::make_unique<RequestQueue>(spec.name, std::move(score), std::move(given_up), parts_.metrics);
  }
  endpoint.queue = queue.get();
  if (model->runtime->batches()) endpoint.batches = plan_batches(model->measured, spec.scoring.batching);
  const std::int64_t lanes =
      waits_for_vectors(endpoint) ? std::max(kLookupLanes, spec.scoring.lanes()) : spec.scoring.lanes();
  queue->configure({.lanes = static_cast<std::size_t>(lanes),
                    .limit = static_cast<std::size_t>(spec.scoring.queue),
                    .batch = endpoint.batches.limits});
}

void Endpoints::refuse_waiting(std::string_view name) {
  const auto queue = queues_.find(name);
  if (queue == queues_.end()) return;
  queue->second->refuse_waiting({Code::kNotFound, fmt::format("endpoint {} was removed", name)});
}

void Endpoints::refuse(RequestQueue& queue, RequestQueue::Batch batch, const Error& error) const {
  for (const auto& request : batch) {
    auto done = queue.claim(*request);
    if (!done) continue;  // its deadline passed
    note_given_up(queue.endpoint(), *request, error.code);
    done(std::unexpected(error));
  }
}

// The endpoint is taken as it is now; a change of it does not wait for its models. What waited for one that cannot be
// woken does not try again, one by one.
void Endpoints::score_waiting(const std::string& name, RequestQueue& queue, RequestQueue::Batch batch) {
  const auto woken = awake(name);
  if (!woken) {
    refuse(queue, batch, woken.error());
    return queue.refuse_waiting(woken.error());
  }
  const Served& endpoint = *woken;
  if (!endpoint) return refuse(queue, batch, {Code::kNotFound, fmt::format("endpoint {} was removed", name)});
  const InferenceSources sources{parts_.event_clock, parts_.wall_clock, parts_.ids, shadows_};
  std::deque<Inference> inferences;
  std::vector<Inference*> prepared;
  std::vector<PendingRequest*> asked;
  for (const auto& request : batch) {
    Inference& inference =
        inferences.emplace_back(endpoint, request->request.request(), sources, request->waiting.since);
    if (const auto ready = inference.prepare(); !ready) {
      auto done = queue.claim(*request);
      if (!done) continue;  // its deadline passed
      note_failure(*endpoint, inference, ready.error().code);
      done(std::unexpected(ready.error()));
      continue;
    }
    prepared.push_back(&inference);
    asked.push_back(request.get());
  }
  auto outputs = score_together(prepared);
  for (std::size_t i = 0; i < prepared.size(); ++i) {
    auto done = queue.claim(*asked[i]);
    if (!done) continue;  // its deadline passed
    auto answer = finish(*prepared[i], std::move(outputs[i]));
    if (!answer) note_failure(*endpoint, *prepared[i], answer.error().code);
    done(std::move(answer));
  }
}

// A request that was answered before a model could.
void Endpoints::note_given_up(std::string_view name, const PendingRequest& request, Code code) const {
  const auto endpoint = find_served(name);
  if (!endpoint) return;
  const std::chrono::nanoseconds waited = std::chrono::steady_clock::now() - request.waiting.since;
  (*endpoint)->meter->failures.add(code);
  (*endpoint)->meter->armless.add_failure(code, {.queue = static_cast<std::uint64_t>(waited.count())});
}

Result<InferAnswer> Endpoints::finish(Inference& inference, Result<std::vector<Tensor>> outputs) const {
  if (!outputs) return std::unexpected(outputs.error());
  inference.score_shadows(*outputs);
  const auto lease = read();  // the log's columns stay as long as it is held
  return inference.finish(std::move(*outputs));
}

Result<std::optional<ScoringStatus>> Endpoints::scoring(std::string_view name) const {
  const Served endpoint = TRY(find_served(name));
  if (endpoint->queue == nullptr) return std::nullopt;
  const LoadedModel& model = *waited_for(*endpoint);
  return ScoringStatus{.queue = endpoint->queue->status(),
                       .batches = endpoint->batches,
                       .measured = model.measured,
                       .workers = model.runtime->workers()};
}

}  // namespace millrace::serving
