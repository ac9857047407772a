#include "serving/shadow_queue.h"

#include "base/log.h"

namespace millrace::serving {
namespace {

std::size_t bytes_of(const std::vector<Tensor>& tensors) {
  std::size_t bytes = 0;
  for (const Tensor& tensor : tensors) {
    bytes += sizeof(Tensor) + tensor.data.size();
    for (const std::string& text : tensor.texts) bytes += sizeof(std::string) + text.size();
  }
  return bytes;
}

void score_later(const ShadowJob& job) {
  const ServedEndpoint& endpoint = *job.endpoint;
  std::vector<std::vector<std::string_view>> texts(job.inputs.size());
  std::vector<TensorView> views;
  for (std::size_t i = 0; i < job.inputs.size(); ++i) views.push_back(view_of(job.inputs[i], texts[i]));
  const RequestRows request{.rows = job.rows, .width = job.width, .vectors = job.vectors, .tensors = views};
  std::vector<std::vector<Tensor>> outputs;
  outputs.reserve(endpoint.shadows.size());
  LaterShadows later{.id = job.id, .event_time = job.event_time, .rows = job.rows};
  for (const ServedShadow& shadow : endpoint.shadows) {
    if (shadow.when != ServedShadow::When::kLater) continue;
    outputs.push_back(score_shadow(endpoint, shadow, request, job.answer));
    later.shadows.push_back({shadow.scored.alias, outputs.back()});
  }
  if (!is_logged(endpoint.spec.log, job.id)) return;
  const Result<void> logged = endpoint.log->add_shadows(later);
  if (!logged) log::warn("shadows are not logged", {{"endpoint", endpoint.spec.name}, {"why", logged.error().message}});
}

}  // namespace

std::size_t ShadowJob::bytes() const {
  return sizeof(ShadowJob) + id.size() + vectors.size() * sizeof(double) + bytes_of(inputs) + bytes_of(answer);
}

ShadowQueue::ShadowQueue(std::size_t most_bytes)
    : most_bytes_(most_bytes), thread_([this](const std::stop_token& stop) { work(stop); }) {}

ShadowQueue::~ShadowQueue() = default;  // the thread is the last member: it is stopped and joined first

bool ShadowQueue::offer(ShadowJob job) {
  const std::size_t bytes = job.bytes();
  {
    const std::scoped_lock lock(mutex_);
    if (bytes_ + bytes > most_bytes_) return false;
    bytes_ += bytes;
    ++offered_;
    waiting_.push_back(std::move(job));
  }
  changed_.notify_all();
  return true;
}

bool ShadowQueue::drain(Duration timeout) {
  std::unique_lock lock(mutex_);
  const std::uint64_t until = offered_;
  return changed_.wait_for(lock, timeout, [&] { return done_ >= until; });
}

void ShadowQueue::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [&] { return !waiting_.empty(); }), !stop.stop_requested()) {
    {
      const ShadowJob job = std::move(waiting_.front());
      waiting_.pop_front();
      bytes_ -= job.bytes();
      lock.unlock();
      score_later(job);
    }  // a model that nothing else uses is freed without the lock
    lock.lock();
    ++done_;
    changed_.notify_all();
  }
}

}  // namespace millrace::serving
