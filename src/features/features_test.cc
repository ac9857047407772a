#include "features/features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "features/testing.h"

namespace millrace::features {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kFlights = R"yaml(
kind: FeatureView
name: origin_delay
entities: [origin]
source: flights
where: delay is not null
ttl: 7d
features:
  - {name: origin_delay_3h, sql: delay, aggregate: mean, window: 3h}
  - {name: origin_late_3h, sql: "delay > 15", aggregate: mean, window: 3h}
  - {name: origin_flights_1d, sql: "*", aggregate: count, window: 1d}
  - {name: origin_last_delay, sql: delay}
---
kind: FeatureView
name: route_delay
entities: [origin, destination]
source: flights
features:
  - {name: route_spread, sql: delay, aggregate: stddev, window: 28d}
---
kind: FeatureView
name: departure
source: request
inputs:
  - {name: distance, type: bigint}
features:
  - {name: hour, sql: hour(event_time)}
  - {name: distance, sql: distance}
---
kind: FeatureService
name: delay_features
features: [departure, origin_delay, route_delay:route_spread]
)yaml";

std::string replaced(std::string_view what, std::string_view with) {
  std::string text(kFlights);
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

TEST(Features, resolves_a_service) {
  const auto definitions = testing::define(kFlights);
  ASSERT_TRUE(definitions);
  const auto service = MUST(definitions->resolve("delay_features"));
  EXPECT_THAT(service->features, ElementsAre("hour", "distance", "origin_delay_3h", "origin_late_3h",
                                             "origin_flights_1d", "origin_last_delay", "route_spread"));
  ASSERT_EQ(service->inputs.size(), 3u);
  EXPECT_EQ(service->inputs[0].name, "origin");
  EXPECT_TRUE(service->inputs[0].is_entity);
  EXPECT_EQ(service->inputs[2].name, "distance");
  EXPECT_EQ(service->inputs[2].type, sql::Type::kBigint);
  EXPECT_EQ(service->views.size(), 2u);
  EXPECT_THAT(definitions->resolve("delay_feature").error().message, HasSubstr("did you mean \"delay_features\"?"));
}

TEST(Features, hash_changes_with_all_that_decides_the_vector) {
  const auto hash_of = [](std::string_view yaml) {
    return MUST(testing::define(yaml)->resolve("delay_features"))->hash;
  };
  const std::string original = hash_of(kFlights);
  EXPECT_EQ(original, hash_of(kFlights));
  EXPECT_EQ(original, hash_of(replaced("entities: [origin]", "description: of the airport\nentities: [origin]")));
  const std::pair<std::string_view, std::string_view> changes[] = {
      {"window: 3h", "window: 4h"},
      {"ttl: 7d", "ttl: 6d"},
      {"delay > 15", "delay > 20"},
      {"where: delay is not null", "where: delay < 500"},
      {"entities: [origin]", "entities: [destination]"},
      {"hour(event_time)", "isodow(event_time)"},
      {"aggregate: stddev", "aggregate: max"},
      {"type: bigint", "type: double"},
      {"[departure, origin_delay,", "[origin_delay, departure,"},
      {"ttl: 7d", "ttl: 7d\nevent_time: date"}};
  for (const auto& [what, with] : changes) EXPECT_NE(original, hash_of(replaced(what, with))) << with;
}

struct FaultCase {
  std::string_view what, with, message;
};

TEST(Features, reports_faults_where_they_stand) {
  const FaultCase cases[] = {
      {"sql: delay, aggregate: mean", "sql: dely, aggregate: mean",
       "features.yaml:9:34: feature origin_delay_3h: there is no column \"dely\"; did you mean \"delay\"?"},
      {"\"delay > 15\"", "\"delay > > 15\"",
       "features.yaml:10:42: feature origin_late_3h: expected a value before \">\""},
      {"entities: [origin]", "entities: [orgin]",
       "features.yaml:4:12: dataset flights has no column \"orgin\"; did you mean \"origin\"?"},
      {"source: flights", "source: flight", "features.yaml:5:9: there is no dataset \"flight\""},
      {"where: delay is not null", "where: delay + 1", "features.yaml:6:8: where is a bigint, not a condition"},
      {"sql: distance}", "sql: event_time}",
       "features.yaml:28:27: feature distance is a timestamp; features are numbers"},
      {"origin_delay, route_delay", "origin_dely, route_delay",
       "features.yaml:32:23: there is no feature view \"origin_dely\"; did you mean \"origin_delay\"?"},
      {"route_delay:route_spread]", "route_delay:spread]", "feature view route_delay has no feature \"spread\""},
      {"route_delay:route_spread]", "origin_delay:origin_delay_3h]",
       "feature origin_delay_3h stands twice in service delay_features"},
      {"name: route_delay", "name: origin_delay", "feature view origin_delay is defined twice"},
      {", window: 3h}", "}", "aggregate mean needs a window, such as 3h"},
      {"aggregate: mean, ", "", "a window needs an aggregate"},
      {"aggregate: mean", "aggregate: average",
       "\"aggregate\" must be one of count, sum, mean, min, max, stddev, not \"average\""},
      {"ttl: 7d", "tll: 7d", "FeatureView has no key \"tll\"; did you mean \"ttl\"?"},
      {"window: 3h", "window: -3h", "\"window\" must be longer than nothing"},
      {"type: bigint", "type: bigit", "\"type\" must be one of"},
      {"source: request", "source: request\nttl: 3d", "a view over the request has no ttl"},
  };
  for (const FaultCase& c : cases) {
    Diagnostics diagnostics;
    EXPECT_FALSE(testing::define(replaced(c.what, c.with), diagnostics) && diagnostics.empty()) << c.with;
    std::string all;
    for (const Diagnostic& diagnostic : diagnostics.list) all += format_diagnostic(diagnostic) + "\n";
    EXPECT_THAT(all, HasSubstr(c.message));
  }
}

TEST(Features, survives_expressions_that_are_too_long) {
  const std::string text = "'" + std::string(16'370, 'x') + "'";
  Diagnostics diagnostics;
  EXPECT_FALSE(testing::define(replaced("sql: \"*\"", "sql: \"" + text + "\""), diagnostics));
  ASSERT_FALSE(diagnostics.empty());
  EXPECT_THAT(diagnostics.list.front().message, HasSubstr("16 KiB"));
}

TEST(Features, schemas_are_json) {
  for (const std::string_view schema : {feature_view_schema(), feature_service_schema()})
    EXPECT_TRUE(parse_json(schema));
}

}  // namespace
}  // namespace millrace::features
