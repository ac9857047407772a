#include "serving/compositions/composition_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "db/testing.h"
#include "events/event.h"
#include "events/events.h"

namespace millrace::serving {
namespace {

using ::testing::ElementsAre;

class CompositionStoreTest : public ::testing::Test {
 protected:
  CompositionStoreTest() { open(); }
  // As after a restart.
  void open() {
    store_.reset();
    events_.reset();
    db_.reset();
    db_ = db::open_for_test(folder_.path());
    events_ = MUST(events::Log::open(*db_));
    store_ = MUST(CompositionStore::open({*db_, *events_, clock_}));
  }

  static CompositionSpec mean_of(double weight) {
    return {.members = {{.model = "a", .weight = weight}, {.model = "b"}}};
  }
  std::int64_t number(const CompositionSpec& spec, std::int64_t a, std::int64_t b, const std::string& endpoint = "e") {
    return MUST(store_->number_of(endpoint, {spec, {{"a", a}, {"b", b}}}));
  }

  TemporaryDirectory folder_;
  ManualClock clock_{Timestamp{1'000'000}};
  std::unique_ptr<db::Database> db_;
  std::unique_ptr<events::Log> events_;
  std::unique_ptr<CompositionStore> store_;
};

TEST_F(CompositionStoreTest, TheSameMembersHaveTheSameNumberAgain) {
  const CompositionSpec spec = mean_of(1);
  EXPECT_EQ(number(spec, 1, 1), 1);
  EXPECT_EQ(number(spec, 2, 1), 2);
  EXPECT_EQ(number(spec, 1, 1), 1);
  EXPECT_EQ(number(mean_of(3), 1, 1), 3) << "other weights answer otherwise";
  EXPECT_EQ(number(spec, 1, 1, "other"), 1) << "each endpoint counts by itself";
  open();
  EXPECT_EQ(number(spec, 2, 1), 2);
  EXPECT_EQ(number(spec, 2, 2), 4);
}

TEST_F(CompositionStoreTest, HowItIsCombinedIsAPartOfIt) {
  CompositionSpec vote = mean_of(1), chain = mean_of(1), picked = mean_of(1);
  vote.combine = Combine::kVote;
  chain.kind = CompositionSpec::Kind::kChain;
  picked.members[1].of_class = "1";
  EXPECT_EQ(number(mean_of(1), 1, 1), 1);
  EXPECT_EQ(number(vote, 1, 1), 2);
  EXPECT_EQ(number(chain, 1, 1), 3);
  EXPECT_EQ(number(picked, 1, 1), 4);
}

TEST_F(CompositionStoreTest, ItsMembersAreKnownForEver) {
  number(mean_of(1), 1, 7);
  number(mean_of(1), 2, 7);
  EXPECT_THAT(MUST(store_->find_members("e", 1)), ElementsAre(MemberVersion{"a", 1}, MemberVersion{"b", 7}));
  EXPECT_EQ(store_->find_members("e", 3).error().code, Code::kNotFound);
  const auto with = MUST(store_->list_with({"b", 7}, 10));
  ASSERT_EQ(with.size(), 2U);
  EXPECT_EQ(with[0].number, 2);
  EXPECT_EQ(MUST(store_->list_with({"a", 1}, 10)).size(), 1U);
}

TEST_F(CompositionStoreTest, ANewOneIsAnEvent) {
  number(mean_of(2), 1, 7);
  number(mean_of(2), 1, 7);
  const auto events = MUST(events_->list(0, 100, {.type = "endpoint.composed"}));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].subject, "e");
  EXPECT_EQ(events[0].data["version"], 1);
  EXPECT_EQ(events[0].data["members"][1]["version"], 7);
  EXPECT_EQ(events[0].data["composition"]["of"][0]["weight"], 2);
}

}  // namespace
}  // namespace millrace::serving
