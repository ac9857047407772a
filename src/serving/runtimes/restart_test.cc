#include "serving/runtimes/restart.h"

#include <gtest/gtest.h>

namespace millrace::serving {
namespace {

using std::chrono::seconds;

TEST(Restart, WaitsLongerEachTime) {
  const struct {
    int failures;
    Duration delay;
    bool requests_wait;
  } cases[] = {
      {0, seconds(0), true},  {1, seconds(0), true},   {2, seconds(1), true},   {3, seconds(2), false},
      {4, seconds(4), false}, {7, seconds(32), false}, {8, seconds(60), false}, {1000, seconds(60), false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.failures);
    const auto decision = decide_restart(c.failures);
    EXPECT_EQ(decision.delay, c.delay);
    EXPECT_EQ(decision.requests_wait, c.requests_wait);
  }
}

}  // namespace
}  // namespace millrace::serving
