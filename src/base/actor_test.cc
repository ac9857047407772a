#include "base/actor.h"

#include <gtest/gtest.h>

#include <thread>

namespace millrace {
namespace {

TEST(ActingFor, HoldsForAScopeAndAThread) {
  EXPECT_EQ(acting_for(), "");
  {
    const ActingFor ann("ann");
    EXPECT_EQ(acting_for(), "ann");
    {
      const ActingFor bob("bob");
      EXPECT_EQ(acting_for(), "bob");
    }
    EXPECT_EQ(acting_for(), "ann");
    std::thread([] { EXPECT_EQ(acting_for(), ""); }).join();
  }
  EXPECT_EQ(acting_for(), "");
}

}  // namespace
}  // namespace millrace
