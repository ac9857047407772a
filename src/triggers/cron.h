#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace millrace::triggers {

// A cron schedule in UTC: minute, hour, day of month, month, day of week, as in crontab(5): numbers, ranges (1-5),
// steps
// (*/15, 10-40/10, and 5/15 for 5-59/15), lists, names of months and days (jan, mon; any case), 0 and 7 for Sunday, and
// @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly. Where both day fields are restricted (do not begin
// with *), a day that matches either counts, as in Vixie cron.
class Cron {
 public:
  // kInvalidArgument says which field is wrong and what it may be.
  static Result<Cron> parse(std::string_view text);

  bool matches(Timestamp time) const;  // its minute

  // The first moment after `time`, a whole minute; nullopt for a schedule that never comes ("0 0 30 2 *").
  std::optional<Timestamp> next_after(Timestamp time) const;

  // The last moment not after `time` and after `after`; nullopt where there is none.
  std::optional<Timestamp> last_until(Timestamp time, Timestamp after) const;

 private:
  bool matches_day(std::int64_t day) const;                // days since 1970-01-01
  std::optional<int> first_in_day(int from_minute) const;  // minutes since midnight
  std::optional<int> last_in_day(int to_minute) const;

  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;     // 1 to 31
  std::bitset<13> months_;   // 1 to 12
  std::bitset<8> weekdays_;  // 0 is Sunday; 7 too, until parse() has folded it into 0
  bool any_day_ = false;     // the field began with *
  bool any_weekday_ = false;
};

}  // namespace millrace::triggers
