#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/result.h"
#include "base/time.h"
#include "replicas/manifest.h"
#include "replicas/state.h"
#include "serving/vectors.h"

namespace millrace::db {
class Database;
}
namespace millrace::serving {
class Endpoints;
struct ArmStatus;
struct EndpointStatus;
}  // namespace millrace::serving

namespace millrace::replicas {

// A serving state as replicas are told it. Immutable.
struct PublishedState {
  std::int64_t generation = 0;
  std::string etag;                                                 // with its quotes
  std::string text;                                                 // docs/formats/serving_state.md
  std::map<std::string, std::filesystem::path, std::less<>> files;  // of its models, by SHA-256
};

// What the server serves, as one state with a number that rises with every change, also over restarts. Thread-safe.
class Publisher {
 public:
  struct Parts {
    db::Database& database;
    const serving::Endpoints& endpoints;
    Manifests manifests;
    serving::FindVectors find_vectors;
    std::function<std::optional<Timestamp>()> event_time;  // where the event clock is not the wall's
  };
  // Publishes nothing yet.
  static Result<std::unique_ptr<Publisher>> open(Parts parts);
  // Answers whoever waits.
  ~Publisher();

  // From now on, when all endpoints are there: what is published before would take them from replicas.
  void start();
  // Answers whoever waits, and from now on at once.
  void stop();
  // Something of the state may have changed. At once, whatever is locked.
  void touch();

  // Null before the first.
  std::shared_ptr<const PublishedState> current() const;

  // The state, or null where there is no other.
  using Answer = std::move_only_function<void(std::shared_ptr<const PublishedState>)>;
  // Answers with the newest state as soon as its entity tag is not `known`; with null after `patience`. On the calling
  // thread or another, where it must not take long.
  void wait(std::string known, Duration patience, Answer answer);

 private:
  using Moment = std::chrono::steady_clock::time_point;
  struct Waiting {
    Moment until;
    std::string known;
    Answer answer;
  };

  explicit Publisher(Parts parts) : parts_(std::move(parts)) {}
  void run(const std::stop_token& stop);
  void sleep(std::unique_lock<std::mutex>& lock, const std::stop_token& stop);
  void publish_or_retry();
  Result<void> publish();
  Result<std::shared_ptr<const PublishedState>> collect();
  Result<EndpointState> describe(const serving::EndpointStatus& status, ServingState& state);
  Result<void> describe_composition(const serving::ArmStatus& arm, EndpointState& endpoint, ServingState& state);
  Result<bool> include(const std::string& model, std::int64_t version, ServingState& state);
  Result<std::int64_t> number(const std::string& digest);
  void answer_all(std::list<Waiting> answered);
  std::list<Waiting> take_answered();

  Parts parts_;
  Moment retry_at_ = Moment::max();  // the thread's own
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  bool touched_ = true;  // guarded by mutex_, as all below
  bool stopped_ = false;
  std::shared_ptr<const PublishedState> current_;
  std::list<Waiting> waiting_;
  std::jthread thread_;
};

}  // namespace millrace::replicas
