#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/ids.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/time.h"
#include "replicas/callers.h"
#include "replicas/mirror.h"
#include "replicas/upstream.h"

namespace millrace::replicas {

struct FollowerStatus {
  std::int64_t generation = 0;  // that was taken over last; 0: none yet
  bool connected = false;       // the server answered the last time
  std::string trouble;          // why it did not; or empty
  std::vector<Problem> problems;
  bool complete = false;  // once all of a state was served
};

// Follows a server's serving state: asks for the next one, fetches what it needs and has endpoints take it over. While
// the server cannot be reached, what was taken over last is served, after a restart, too.
class Follower {
 public:
  struct Parts {
    ServerPlace server;
    std::filesystem::path home;  // of the state and the models, which may be deleted while nobody follows
    registry::Store& registry;
    serving::RouteStore& routes;
    serving::CompositionStore& compositions;
    serving::Endpoints& endpoints;
    RemoteFeatures& features;
    metrics::Registry& metrics;
    IdSource& ids;                                                 // where chance comes from
    std::function<Result<void>(const Callers&)> set_callers;       // who may ask here
    std::function<void(std::optional<Timestamp>)> set_event_time;  // where the server's event clock stands
    std::function<void()> on_change = {};                          // of the status; on the follower's thread
  };
  static Result<std::unique_ptr<Follower>> open(Parts parts);
  ~Follower();

  // Serves what it knows from before when it returns, and follows from now on.
  void start();
  void stop();

  FollowerStatus status() const;

 private:
  using Steady = std::chrono::steady_clock;

  explicit Follower(Parts parts) : parts_(std::move(parts)) {}
  void run(const std::stop_token& stop);
  void restore();
  void restore_callers();
  Result<void> ask_callers(Upstream& server);
  Result<void> ask(Upstream& server);
  Result<void> take(const std::string& text);
  void take_over(const NumberedState& state);
  void set_connected(const Result<void>& asked);
  void pause(Duration time, const std::stop_token& stop);
  double chance() const;
  void note();

  Parts parts_;
  std::optional<Upstream> files_;
  std::optional<ModelCache> cache_;
  std::optional<Mirror> mirror_;
  std::optional<NumberedState> state_;  // the thread's own, as the next
  std::string etag_;                    // of its text
  std::string callers_;                 // as text
  int failures_ = 0;                    // in a row
  std::optional<Duration> retry_;       // the wait before what failed is tried again; none: nothing failed
  Steady::time_point taken_at_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  FollowerStatus status_;  // guarded by mutex_
  std::stop_source stop_;
  std::jthread thread_;
};

}  // namespace millrace::replicas
