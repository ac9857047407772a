#include "replicas/roster.h"

#include <gtest/gtest.h>

#include "replicas/upstream.h"

namespace millrace::replicas {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RosterTest, WhoIsNotHeardOfIsForgotten) {
  Roster roster;
  const Timestamp start{1'000'000'000};
  MUST(roster.note({.name = "b", .generation = 1}, start));
  MUST(roster.note({.name = "a"}, start + seconds(1)));
  MUST(roster.note({.name = "b", .generation = 2}, start + seconds(20)));
  auto listed = roster.list(start + seconds(31));
  ASSERT_EQ(listed.size(), 2);
  EXPECT_EQ(listed[0].report.name, "a");
  EXPECT_EQ(listed[1].report.generation, 2);
  EXPECT_EQ(listed[1].since, start);
  EXPECT_EQ(roster.list(start + seconds(40)).size(), 1);
  MUST(roster.note({.name = "a"}, start + seconds(60)));
  EXPECT_EQ(roster.list(start + seconds(60))[0].since, start + seconds(60)) << "it was gone for a while";
  roster.remove("a");
  EXPECT_TRUE(roster.list(start + seconds(60)).empty());
}

TEST(RosterTest, ThereIsAMost) {
  Roster roster;
  for (std::size_t i = 0; i < Roster::kMost; ++i) MUST(roster.note({.name = std::to_string(i)}, {}));
  EXPECT_FALSE(roster.note({.name = "one more"}, {}));
  EXPECT_TRUE(roster.note({.name = "17"}, {})) << "who is known may go on";
  EXPECT_TRUE(roster.note({.name = "one more"}, Timestamp{} + seconds(31))) << "when the others are gone";
}

TEST(UpstreamTest, TheWaitGrowsAndIsNeverTheSameForAll) {
  EXPECT_EQ(wait_after(1, 0), milliseconds(200));
  EXPECT_EQ(wait_after(1, 1), milliseconds(100));
  EXPECT_EQ(wait_after(3, 0), milliseconds(800));
  EXPECT_EQ(wait_after(50, 0), seconds(10));
  EXPECT_EQ(wait_after(1'000'000, 0.5), milliseconds(7500));
}

}  // namespace
}  // namespace millrace::replicas
