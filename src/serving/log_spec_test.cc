#include "serving/log_spec.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace millrace::serving {
namespace {

int logged_of(int requests, double sample) {
  int logged = 0;
  for (int i = 0; i < requests; ++i) logged += is_logged({.sample = sample}, fmt::format("request-{}", i)) ? 1 : 0;
  return logged;
}

TEST(LogSpec, AllOrNoneAreLogged) {
  EXPECT_EQ(logged_of(10'000, 1), 10'000);
  EXPECT_EQ(logged_of(10'000, 0), 0);
}

// 1000 of 10 000 expected; five standard deviations are 150.
TEST(LogSpec, AShareIsLogged) { EXPECT_NEAR(logged_of(10'000, 0.1), 1000, 150); }

TEST(LogSpec, ASmallerShareIsPartOfALarger) {
  for (int i = 0; i < 1000; ++i) {
    const std::string id = fmt::format("{}", i);
    if (is_logged({.sample = 0.2}, id)) EXPECT_TRUE(is_logged({.sample = 0.6}, id));
  }
}

}  // namespace
}  // namespace millrace::serving
