#include "api/http/series_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace millrace::api {
namespace {

using ::testing::HasSubstr;

constexpr Timestamp kNow{5'000'000};

std::string told(std::string_view body) {
  std::string text;
  for (const auto& series : MUST(read_series(body, kNow))) {
    text += series.key + ":";
    for (const auto& point : series.points) {
      text += fmt::format(" {}@{}/{}", point.value, point.step, point.timestamp.us / 1000);
    }
    text += ";";
  }
  return text;
}

TEST(SeriesRequest, StepsCountFromTheFirstAndTimesAreNow) {
  EXPECT_EQ(told(R"({"series": [{"key": "loss", "values": [1, 0.5, -2e-3]}]})"),
            "loss: 1@0/5000 0.5@1/5000 -0.002@2/5000;");
  EXPECT_EQ(told(R"({"series": [{"values": [7], "first_step": -3, "key": "a"}, {"key": "b", "values": [1]}]})"),
            "a: 7@-3/5000;b: 1@0/5000;");
}

TEST(SeriesRequest, StepsAndTimesMayBeGivenInAnyOrder) {
  EXPECT_EQ(told(R"({"series": [{"timestamps": [9, 8], "steps": [10, 5], "values": [1, 2], "key": "k\u00fc"}]})"),
            "k\u00fc: 1@10/9 2@5/8;");
}

TEST(SeriesRequest, WhatIsNoNumberHasNames) {
  EXPECT_EQ(told(R"({"series": [{"key": "k", "values": [null, "NaN", "nan", "Infinity", "-inf"]}]})"),
            "k: nan@0/5000 nan@1/5000 nan@2/5000 inf@3/5000 -inf@4/5000;");
}

TEST(SeriesRequest, SaysWhereSomethingIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "not valid JSON"},
      {"[]", "the body is not an object"},
      {"{}", "\"series\" is missing or empty"},
      {R"({"series": []})", "missing or empty"},
      {R"({"series": {}})", "series is not a list"},
      {R"({"metrics": []})", "\"metrics\" is unknown"},
      {R"({"series": [1]})", "series[0] is not an object"},
      {R"({"series": [{"values": [1]}]})", "series[0] has no key"},
      {R"({"series": [{"key": 1, "values": [1]}]})", "series[0].key is not a text"},
      {R"({"series": [{"key": "k", "values": []}]})", "series[0] has no values"},
      {R"({"series": [{"key": "k", "values": [1, "two"]}]})", "series[0].values[1] is not a number"},
      {R"({"series": [{"key": "k", "values": [1, [2]]}]})", "series[0].values[1] is not a number"},
      {R"({"series": [{"key": "k", "values": [true]}]})", "series[0].values[0] is not a number"},
      {R"({"series": [{"key": "k", "values": [1, 2], "steps": [1]}]})", "series[0] has 2 values but 1 steps"},
      {R"({"series": [{"key": "k", "values": [1], "steps": [1.5]}]})", "series[0].steps[0] is not a whole number"},
      {R"({"series": [{"key": "k", "values": [1], "steps": [1], "first_step": 2}]})", "both steps and a first_step"},
      {R"({"series": [{"key": "k", "values": [1], "first_step": 9223372036854775807}]})", "first_step is too large"},
      {R"({"series": [{"key": "k", "values": [1], "timestamps": [-1]}]})", "series[0].timestamps[0] is no time"},
      {R"({"series": [{"key": "k", "values": [1], "stepz": [1]}]})", "series[0].stepz is unknown"},
      {R"({"series": [{"key": "k", "values": [1]}]} x)", "not valid JSON"},
      {R"({"series": [{"key": "k", "values": [1}]})", "not valid JSON"},
      {R"({"series": [{"key": "k", "values": [1, ]}]})", "not valid JSON"},
      {"{\"series\": [{\"key\": \"\xff\", \"values\": [1]}]}", "not valid JSON"},
  };
  for (const auto& [body, message] : cases) {
    const auto read = read_series(body, kNow);
    ASSERT_FALSE(read.has_value()) << body;
    EXPECT_EQ(read.error().code, Code::kInvalidArgument) << body;
    EXPECT_THAT(read.error().message, HasSubstr(message)) << body;
  }
}

}  // namespace
}  // namespace millrace::api
