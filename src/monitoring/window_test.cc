#include "monitoring/window.h"

#include <gtest/gtest.h>

namespace millrace::monitoring {
namespace {

using std::chrono::days;
using std::chrono::hours;

Timestamp at(const char* text) { return MUST(parse_time(text)); }

TEST(WindowOf, WeeksBeginOnMondayOtherLengthsCountFromTheEpoch) {
  struct Case {
    const char* name;
    const char* time;
    Duration length;
    const char* start;
  };
  const std::vector<Case> cases{
      {"a Thursday lies in the week of its Monday", "2001-03-01T05:30", days{7}, "2001-02-26"},
      {"a Monday begins its own week", "2001-03-05", days{7}, "2001-03-05"},
      {"the last microsecond of a week", "2001-03-04T23:59:59.999999", days{7}, "2001-02-26"},
      {"two weeks begin on a Monday", "2001-03-01", days{14}, "2001-02-19"},
      {"a day", "2001-03-01T05:30", days{1}, "2001-03-01"},
      {"six hours", "2001-03-01T05:30", hours{6}, "2001-03-01"},
      {"before 1970", "1969-12-31T23:00", days{1}, "1969-12-31"},
      {"a week before 1970", "1969-12-31T23:00", days{7}, "1969-12-29"},
  };
  for (const Case& c : cases) {
    const Window window = window_of(at(c.time), c.length);
    EXPECT_EQ(format_time(window.start), format_time(at(c.start))) << c.name;
    EXPECT_EQ(window.end - window.start, c.length) << c.name;
  }
}

struct DueCase {
  const char* name;
  std::optional<Timestamp> first_prediction;
  std::optional<Timestamp> computed_until;
  const char* now;
  std::vector<const char*> starts;
};

TEST(DueWindows, WeeksWithADayOfWaiting) {
  const std::vector<DueCase> cases{
      {"an endpoint that has not answered has no windows", {}, {}, "2001-06-01", {}},
      {"before the wait is over", at("2001-03-01T05:00"), {}, "2001-03-05T23:59", {}},
      {"the first window holds the first prediction", at("2001-03-01T05:00"), {}, "2001-03-06", {"2001-02-26"}},
      {"all that were missed, oldest first",
       at("2001-03-01"),
       {},
       "2001-03-20",
       {"2001-02-26", "2001-03-05", "2001-03-12"}},
      {"those that were computed are not due", at("2001-03-01"), at("2001-03-12"), "2001-03-20", {"2001-03-12"}},
      {"nothing new", at("2001-03-01"), at("2001-03-19"), "2001-03-20", {}},
      {"after the length was changed, windows do not overlap",
       at("2001-03-01"),
       at("2001-03-09"),
       "2001-03-20",
       {"2001-03-12"}},
  };
  for (const DueCase& c : cases) {
    const DueInput input{days{7}, days{1}, c.first_prediction, c.computed_until};
    const auto due = due_windows(input, at(c.now));
    ASSERT_EQ(due.size(), c.starts.size()) << c.name;
    for (std::size_t i = 0; i < due.size(); ++i) EXPECT_EQ(due[i].start, at(c.starts[i])) << c.name;
  }
}

TEST(DueWindows, AreBounded) {
  const DueInput input{hours{1}, Duration{0}, at("1990-01-01"), {}};
  EXPECT_EQ(due_windows(input, at("2001-01-01"), 10).size(), 10u);
}

TEST(NewestDueEnd, IsABoundaryThatHasBeenReached) {
  EXPECT_EQ(newest_due_end(days{7}, days{1}, at("2001-03-06")), at("2001-03-05"));
  EXPECT_EQ(newest_due_end(days{7}, days{1}, at("2001-03-05T23:59")), at("2001-02-26"));
}

}  // namespace
}  // namespace millrace::monitoring
