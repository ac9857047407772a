#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "serving/bandit.h"
#include "serving/serving.h"

namespace millrace::datasets {
class Datasets;
}
namespace millrace::duck {
class Database;
}
namespace millrace::monitoring {
class Monitors;
}

namespace millrace::delivery {

// Tells endpoints with a bandit what the labels say of their versions, when it is time to. The evidence is nothing but
// what the prediction log and the labels hold, looked up anew each time, so that a label that is corrected or comes
// late counts as it should. Only predictions whose arm was drawn count: not those that asked for an arm or a version.
// One caller at a time.
class Bandits {
 public:
  struct Parts {
    serving::Endpoints& endpoints;
    monitoring::Monitors& monitors;
    datasets::Datasets& datasets;
    duck::Database& duck;
  };
  explicit Bandits(Parts parts) : parts_(parts) {}

  // Looks at the labels of each bandit that has not looked for as long as its `every`. One that cannot is logged, and
  // tried again after as long.
  Result<void> advance(Timestamp now);

 private:
  bool due(const serving::EndpointStatus& status, Timestamp now) const;
  Result<void> update(const serving::EndpointStatus& status, Timestamp now);
  Result<serving::BanditEvidence> look(const serving::EndpointStatus& status, Timestamp now);

  Parts parts_;
  std::map<std::string, Timestamp> failed_;  // when an endpoint's last look failed
};

}  // namespace millrace::delivery
