#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"
#include "serving/served.h"

namespace millrace::serving {

// For how long nothing has been counted of an endpoint, by looking now and then.
class IdleWatch {
 public:
  // `counted` only rises while something happens. Answers how long it has been the same: 0 at the first look.
  Duration look(const std::string& endpoint, std::uint64_t counted, Timestamp now);
  void forget(std::string_view endpoint);

 private:
  struct Seen {
    std::uint64_t counted = 0;
    Timestamp since;
  };
  std::map<std::string, Seen, std::less<>> seen_;
};

// All requests that the endpoint's arms, or none of them, have answered.
std::uint64_t requests_counted(const ServedEndpoint& endpoint);

// The endpoint as it looks from outside, with nothing of its models in memory: it says what they take and answer, and
// must be waited for. What is asked of them is kUnavailable.
std::shared_ptr<ServedEndpoint> asleep(const ServedEndpoint& endpoint);

}  // namespace millrace::serving
