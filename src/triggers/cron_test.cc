#include "triggers/cron.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace millrace::triggers {
namespace {

using testing::HasSubstr;

Timestamp at(const char* text) { return MUST(parse_time(text)); }

std::string next(const char* schedule, const char* after) {
  const auto time = MUST(Cron::parse(schedule)).next_after(at(after));
  return time ? format_time(*time) : "never";
}

TEST(Cron, NextAfter) {
  struct Case {
    const char* name;
    const char* schedule;
    const char* after;
    const char* next;
  };
  // 2001-03-01 is a Thursday.
  const std::vector<Case> cases{
      {"every minute", "* * * * *", "2001-03-01T00:00", "2001-03-01T00:01:00Z"},
      {"seconds are cut off, not rounded", "* * * * *", "2001-03-01T00:00:59.999999", "2001-03-01T00:01:00Z"},
      {"just before the moment", "30 6 * * *", "2001-03-01T06:29:59", "2001-03-01T06:30:00Z"},
      {"at the moment comes the next one", "30 6 * * *", "2001-03-01T06:30", "2001-03-02T06:30:00Z"},
      {"first of the month", "0 0 1 * *", "2001-03-01T00:00", "2001-04-01T00:00:00Z"},
      {"over the year's end", "0 0 1 * *", "2001-12-15", "2002-01-01T00:00:00Z"},
      {"the 31st skips short months", "0 0 31 * *", "2001-03-31", "2001-05-31T00:00:00Z"},
      {"a leap day", "0 0 29 2 *", "2001-03-01", "2004-02-29T00:00:00Z"},
      {"a leap day over a century that is none", "0 0 29 2 *", "2096-03-01", "2104-02-29T00:00:00Z"},
      {"a leap day in 2000", "0 0 29 2 *", "1999-01-01", "2000-02-29T00:00:00Z"},
      {"never", "0 0 30 2 *", "2001-01-01", "never"},
      {"never, April 31", "0 0 31 4 *", "2001-01-01", "never"},
      {"Mondays", "0 6 * * 1", "2001-03-01", "2001-03-05T06:00:00Z"},
      {"Mondays by name", "0 6 * * Mon", "2001-03-01", "2001-03-05T06:00:00Z"},
      {"Sunday is 0", "0 0 * * 0", "2001-03-01", "2001-03-04T00:00:00Z"},
      {"Sunday is 7", "0 0 * * 7", "2001-03-01", "2001-03-04T00:00:00Z"},
      {"a range over the weekend's end", "0 0 * * 6-7", "2001-03-04", "2001-03-10T00:00:00Z"},
      {"weekdays", "0 0 * * mon-fri", "2001-03-02", "2001-03-05T00:00:00Z"},
      {"months by name", "0 0 1 JAN,jul *", "2001-03-01", "2001-07-01T00:00:00Z"},
      {"either day where both are restricted", "0 0 13 * fri", "2001-03-03", "2001-03-09T00:00:00Z"},
      {"the day of the month among them", "0 0 13 * fri", "2001-03-09", "2001-03-13T00:00:00Z"},
      {"both where one begins with a star", "0 0 */2 * mon", "2001-03-05", "2001-03-19T00:00:00Z"},
      {"steps", "*/15 * * * *", "2001-03-01T00:31", "2001-03-01T00:45:00Z"},
      {"steps of a range", "0 8-18/4 * * *", "2001-03-01T12:00", "2001-03-01T16:00:00Z"},
      {"steps from a number", "5/20 * * * *", "2001-03-01T00:25", "2001-03-01T00:45:00Z"},
      {"lists", "0,30 9,17 * * *", "2001-03-01T09:30", "2001-03-01T17:00:00Z"},
      {"@yearly", "@yearly", "2001-03-01", "2002-01-01T00:00:00Z"},
      {"@monthly", "@monthly", "2001-03-01", "2001-04-01T00:00:00Z"},
      {"@weekly is Sunday", "@weekly", "2001-03-01", "2001-03-04T00:00:00Z"},
      {"@daily", "@daily", "2001-03-01T12:00", "2001-03-02T00:00:00Z"},
      {"@Hourly in any case", "@Hourly", "2001-03-01T12:00", "2001-03-01T13:00:00Z"},
      {"more spaces", "  0  0\t1 * * ", "2001-03-01", "2001-04-01T00:00:00Z"},
      {"before 1970", "0 0 1 * *", "1969-11-15", "1969-12-01T00:00:00Z"},
      {"after 9999 there is nothing", "0 0 1 * *", "9999-12-31", "never"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(next(c.schedule, c.after), c.next) << c.name;
  }
}

TEST(Cron, EveryNextMomentMatchesAndNoneBetweenDoes) {
  for (const char* text : {"7 */5 * * *", "0 12 10-20/3 * wed", "59 23 * 2,6 *", "*/17 3-4 1 * sun"}) {
    const Cron cron = MUST(Cron::parse(text));
    Timestamp time = at("2003-12-30T22:11");
    for (int i = 0; i < 20; ++i) {
      const Timestamp found = cron.next_after(time).value();
      EXPECT_TRUE(cron.matches(found)) << text;
      const Timestamp limit = std::min(found, time + std::chrono::days{2});
      for (Timestamp t = time + std::chrono::minutes{1}; t < limit; t = t + std::chrono::minutes{1}) {
        ASSERT_FALSE(cron.matches(t)) << text << " " << format_time(t);
      }
      EXPECT_EQ(cron.last_until(found, time), found) << text;
      EXPECT_EQ(cron.last_until(found - Duration{1}, time), std::nullopt) << text;
      time = found;
    }
  }
}

TEST(Cron, LastUntil) {
  const Cron cron = MUST(Cron::parse("0 0 1 * *"));
  EXPECT_EQ(cron.last_until(at("2001-06-15"), at("2001-03-01")), at("2001-06-01"));
  EXPECT_EQ(cron.last_until(at("2001-06-01"), at("2001-03-01")), at("2001-06-01"));
  EXPECT_EQ(cron.last_until(at("2001-06-15"), at("2001-06-01")), std::nullopt);
  EXPECT_EQ(cron.last_until(at("2001-06-15"), at("1850-06-01")), at("2001-06-01"));
}

TEST(Cron, FaultsSayWhichField) {
  struct Case {
    const char* schedule;
    const char* message;
  };
  const std::vector<Case> cases{
      {"", "is not a cron schedule"},
      {"* * * *", "needs minute, hour, day of month, month and day of week"},
      {"* * * * * *", "needs minute, hour"},
      {"@fortnightly", "is not a cron schedule"},
      {"60 * * * *", "\"60\" is not a minute of a cron schedule; it may be 0 to 59"},
      {"* 24 * * *", "not a hour"},
      {"* * 0 * *", "not a day of month"},
      {"* * * 13 *", "not a month of a cron schedule; it may be 1 to 12 or jan to dec"},
      {"* * * * 8", "not a day of week"},
      {"* * * * mo", "not a day of week"},
      {"5-1 * * * *", "not a minute"},
      {"*/0 * * * *", "not a minute"},
      {"*/-2 * * * *", "not a minute"},
      {"*/x * * * *", "not a minute"},
      {"1-2-3 * * * *", "not a minute"},
      {"1,,2 * * * *", "not a minute"},
      {"1/2/3 * * * *", "not a minute"},
      {"-1 * * * *", "not a minute"},
      {"99999999999 * * * *", "not a minute"},
      {"jan * * * *", "not a minute"},
      {"*5 * * * *", "not a minute"},
  };
  for (const Case& c : cases) {
    const auto cron = Cron::parse(c.schedule);
    ASSERT_FALSE(cron) << c.schedule;
    EXPECT_EQ(cron.error().code, Code::kInvalidArgument);
    EXPECT_THAT(cron.error().message, HasSubstr(c.message)) << c.schedule;
  }
}

TEST(Cron, AStepLargerThanAnyFieldTakesTheFirstOnly) {
  EXPECT_EQ(next("*/2147483647 * * * *", "2001-03-01T00:00"), "2001-03-01T01:00:00Z");
}

}  // namespace
}  // namespace millrace::triggers
