#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/seal.h"
#include "base/time.h"
#include "events/events.h"
#include "notify/message.h"

namespace millrace::db {
class Database;
}

namespace millrace::notify {

enum class Status { kActive, kDisabled };

struct Webhook {
  std::string id;  // a UUID
  std::string name;
  std::string url;
  std::vector<std::string> topics;
  std::string description;
  Status status = Status::kActive;
  Timestamp creation_time;
  Timestamp last_updated_time;
};

struct NewWebhook {
  std::string name;
  std::string url;
  std::vector<std::string> topics;
  std::string secret;  // never shown again
  std::string description;
  Status status = Status::kActive;
};

// What is given is changed.
struct WebhookChange {
  std::optional<std::string> name;
  std::optional<std::string> url;
  std::optional<std::vector<std::string>> topics;
  std::optional<std::string> secret;
  std::optional<std::string> description;
  std::optional<Status> status;
};

struct TestResult {
  int status = 0;  // of the answer; 0: there was none
  std::string body;
  std::string error;
};

// Where webhooks may go. kAnywhere is for tests, and for networks whose owner says so.
enum class Reach { kPublicOnly, kAnywhere };

// Tells of events to addresses that users gave (MLflow's webhooks): https only, to a public address that is looked at
// when it is connected to, without following a redirect. A notice is kept until it was taken (a status below 400) or
// refused for good; what failed is tried again, later and later, and survives a restart. In the order of events, but
// for what is tried again. Thread-safe.
class Webhooks {
 public:
  struct Parts {
    db::Database& database;
    events::Log& events;
    const Clock& wall;
    IdSource& ids;
    const Sealer& sealer;  // of the webhooks' secrets
    Reach reach = Reach::kPublicOnly;
  };
  // Subscribes to the log, which is not started yet. Seals the secrets that are not sealed, or with an older key.
  static Result<std::unique_ptr<Webhooks>> open(Parts parts);
  ~Webhooks();

  // kInvalidArgument for a malformed name, an address that may not be told, and unknown topics.
  Result<Webhook> create(const NewWebhook& webhook);
  Result<Webhook> find(std::string_view id) const;
  // In the order of making; after so many.
  Result<std::vector<Webhook>> list(std::int64_t after, int limit) const;
  Result<Webhook> update(std::string_view id, const WebhookChange& change);
  Result<void> remove(std::string_view id);
  // Sends an example at once; of the first topic where none is given.
  Result<TestResult> test(std::string_view id, std::string_view topic) const;

  void start();

 private:
  struct Delivery;
  explicit Webhooks(Parts parts) : parts_(parts) {}
  Result<void> seal_secrets();
  Result<std::string> open_secret(std::string_view id, std::string_view sealed) const;
  Result<void> check_url(const std::string& url) const;
  Result<void> enqueue(const events::Event& event);
  void run(std::stop_token stop);
  Result<std::vector<Delivery>> due() const;
  void attempt(const Delivery& delivery);
  Result<void> conclude(const Delivery& delivery, const TestResult& result);
  TestResult send(const Delivery& delivery) const;

  Parts parts_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace millrace::notify
