#include <malloc.h>

#include "base/log.h"
#include "serving/serving.h"

// Endpoints that leave memory while nobody asks them.
namespace millrace::serving {

void Endpoints::rest() {
  bool rested = false;
  for (const std::string& name : names()) {
    const auto mutex = building(name);
    const std::unique_lock lock(*mutex, std::try_to_lock);
    if (lock.owns_lock()) rested |= rest(name);
  }
  if (rested) malloc_trim(0);  // what was freed goes back to the system
}

// With the endpoint's lock held.
bool Endpoints::rest(const std::string& name) {
  const Served endpoint = current(name);
  if (!endpoint || !may_rest(*endpoint)) {
    idle_.forget(name);
    return false;
  }
  const Duration idle = idle_.look(name, requests_counted(*endpoint), parts_.wall_clock.now());
  if (idle < *endpoint->spec.scoring.scale_to_zero) return false;
  auto sleeping = asleep(*endpoint);
  const std::scoped_lock changing(change_);
  attach_queue(*sleeping);
  replace(name, std::move(sleeping));
  log::info("endpoint sleeps", {{"endpoint", name}, {"idle", format_duration(idle)}});
  return true;
}

// It has models, and nobody waits for them.
bool Endpoints::may_rest(const ServedEndpoint& endpoint) {
  if (!endpoint.spec.scoring.scale_to_zero || endpoint.asleep || !endpoint.primary_model().model) return false;
  const QueueStatus queue = endpoint.queue != nullptr ? endpoint.queue->status() : QueueStatus();
  return queue.waiting + queue.running + endpoint.meter->in_flight.count() == 0;
}

Result<Endpoints::Served> Endpoints::awake(const std::string& name) {
  if (const Served endpoint = current(name); !endpoint || !endpoint->asleep) return endpoint;
  const auto mutex = building(name);
  const std::scoped_lock lock(*mutex);
  const Served endpoint = current(name);  // as it is by now
  if (!endpoint || !endpoint->asleep) return endpoint;
  const auto begun = std::chrono::steady_clock::now();
  if (const auto woken = rebuild(endpoint->spec, endpoint->in_force); !woken)
    return unavailable("endpoint {} cannot be woken: {}", name, woken.error().message);
  const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begun;
  endpoint->meter->cold_starts.add(static_cast<std::uint64_t>(took.count()));
  return current(name);
}

}  // namespace millrace::serving
