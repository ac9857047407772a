#include "serving/background.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace millrace::serving {
namespace {

int niceness() { return getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())); }

TEST(AtLowPriority, GivesWayAndLeavesTheCallerAsItIs) {
  const int before = niceness();
  EXPECT_EQ(at_low_priority(niceness), 19);
  EXPECT_EQ(niceness(), before);
}

}  // namespace
}  // namespace millrace::serving
