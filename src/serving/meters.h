#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/exposition.h"
#include "base/metrics.h"
#include "base/sharded.h"
#include "serving/request_meter.h"
#include "serving/request_statistics.h"

namespace millrace::serving {

// Requests that are being answered. Thread-safe, without a lock.
class InFlight {
 public:
  // One of them, as long as it lives; for the thread that made it.
  class Request {
   public:
    explicit Request(InFlight& all) : count_(all.counts_.mine()) { count_.fetch_add(1, std::memory_order_relaxed); }
    ~Request() { count_.fetch_sub(1, std::memory_order_relaxed); }
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;

   private:
    std::atomic<std::uint64_t>& count_;
  };
  std::uint64_t count() const;

 private:
  Sharded<std::atomic<std::uint64_t>> counts_;
};

// Requests that were answered with an error, by its code. Thread-safe, without a lock.
class FailureCounts {
 public:
  void add(Code code) { by_code_[static_cast<std::size_t>(code)].add(); }
  std::uint64_t of(Code code) const { return by_code_[static_cast<std::size_t>(code)].value(); }
  std::uint64_t total() const;

 private:
  std::array<metrics::Counter, kCodes> by_code_;
};

// What is counted of an endpoint, whatever its versions.
struct EndpointMeter {
  FailureCounts failures;     // those that could not even be read included
  metrics::Counter unlogged;  // rows that waited while the log's columns changed
  RequestMeter armless;       // requests that failed before they had an arm
  InFlight in_flight;         // of those that are scored on the thread that read them
  TimeCounts swaps;           // from the change of a name to the end of the last request to the old version
  TimeCounts failed_swaps;
  TimeCounts cold_starts;  // from the request that wakes it until its models are in memory
};

// How a version does as a shadow beside the arm that answers.
struct ShadowMeter {
  ShadowMeter();

  metrics::Counter compared;      // rows
  metrics::Counter agreed;        // rows with the same decision (comparison.h)
  metrics::Counter failures;      // requests that it failed on
  metrics::Counter dropped;       // requests that it did not see, as it lagged behind
  metrics::Histogram difference;  // the largest of a row's numbers
  TimeCounts latency;             // of a request
};

// A version in its place at an endpoint: `as` is the arm, or the shadow.
struct MeterKey {
  std::string endpoint;
  std::int64_t version = 0;
  std::string as;

  auto operator<=>(const MeterKey&) const = default;
};

// What is counted of requests. Asking twice gives the same object; what nobody uses any more, such as a version that
// was swapped out, is told in one more exposition, and gone. Thread-safe.
class Meters {
 public:
  std::shared_ptr<EndpointMeter> of_endpoint(const std::string& endpoint);
  std::shared_ptr<RequestMeter> of_arm(const MeterKey& arm);
  std::shared_ptr<ShadowMeter> of_shadow(const MeterKey& shadow);
  // Of the version, whatever it is as.
  std::shared_ptr<RequestStatistics> of_version(const std::string& endpoint, std::int64_t version);

  void expose(metrics::Exposition& out);

 private:
  template <typename Key, typename Meter>
  struct Kept {
    std::map<Key, std::shared_ptr<Meter>> meters;
    static constexpr std::size_t kMost = 64;
    std::size_t most = kMost;  // when there are so many, the unused leave though nobody has asked

    std::shared_ptr<Meter> find(const Key& key);
    // Calls tell(key, meter) of each; the unused leave then.
    template <typename Tell>
    void tell_all(const Tell& tell);
  };

  std::mutex mutex_;
  Kept<std::string, EndpointMeter> endpoints_;
  Kept<MeterKey, RequestMeter> arms_;
  Kept<MeterKey, ShadowMeter> shadows_;
  Kept<std::pair<std::string, std::int64_t>, RequestStatistics> versions_;
};

}  // namespace millrace::serving
