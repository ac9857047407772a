#include "serving/serving.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <ctime>
#include <thread>

#include "features/features.h"
#include "features/online/store.h"
#include "serving/home_for_tests.h"

namespace millrace::serving {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class EndpointsTest : public ::testing::Test {
 protected:
  EndpointSpec spec() { return {.name = "e", .model = "m"}; }
  EndpointSpec with_service() { return {.name = "e", .model = "m", .features = "doubled"}; }

  // What the version behind the alias gives for a vector, by the model file itself.
  double expected(const std::string& alias, std::vector<double> vector) {
    const auto version = MUST(home_.registry->find_alias("m", alias));
    const auto runtime = MUST(load_runtime(MUST(home_.blobs->local_path(version.source))));
    double out = 0;
    runtime->rows()->score(vector, {&out, 1});
    return out;
  }

  std::string infer_error(std::string_view endpoint, const InferRequest& request) {
    const auto answer = endpoints_.infer(endpoint, request);
    return answer ? "" : fmt::format("{} {}", code_name(answer.error().code), answer.error().message);
  }

  duck::Table log_rows() {
    MUST(endpoints_.commit_predictions("e"));
    duck::Connection connection = MUST(home_.duck->connect());
    const auto version = MUST(home_.datasets->version("e.predictions"));
    return MUST(connection.query("select * from " + datasets::scan_sql(version) + " order by id"));
  }

  Home home_;
  Endpoints endpoints_{home_.parts()};
};

TEST_F(EndpointsTest, AnswersWhatTheModelBehindTheAliasGives) {
  home_.set_alias("champion", home_.add_version(1, {"a", "b"}));
  MUST(endpoints_.apply(spec()));
  const Row row(0.5, -0.25);
  const InferAnswer answer = MUST(endpoints_.infer("e", row.request("r1")));
  EXPECT_EQ(answer.model_name, "e");
  EXPECT_EQ(answer.version, 1);
  EXPECT_EQ(answer.id, "r1");
  EXPECT_THAT(values_of(answer), ElementsAre(expected("champion", {0.5, -0.25})));
  EXPECT_EQ(MUST(endpoints_.infer("e", row.request())).id.size(), 32U);
}

TEST_F(EndpointsTest, AWholeMatrixIsTakenWhereThereIsNoFeatureService) {
  home_.set_alias("champion", home_.add_version(1, {"a", "b"}));
  MUST(endpoints_.apply(spec()));
  const std::vector<double> values = {1, 2, NAN, 4, 5, 6};
  const std::vector<std::int64_t> shape = {3, 2}, wrong = {2, 3};
  TensorView tensor{"x", Datatype::kFp64, shape, std::as_bytes(std::span(values)), {}};
  const InferAnswer answer = MUST(endpoints_.infer("e", {.id = "r", .inputs = {&tensor, 1}}));
  EXPECT_THAT(values_of(answer),
              ElementsAre(expected("champion", {1, 2}), expected("champion", {NAN, 4}), expected("champion", {5, 6})));
  const duck::Table rows = log_rows();
  EXPECT_THAT(rows.find("id")->strings, ElementsAre("r.0", "r.1", "r.2"));
  tensor.shape = wrong;
  EXPECT_THAT(infer_error("e", {.inputs = {&tensor, 1}}), HasSubstr("endpoint e takes 2 values a row"));
}

TEST_F(EndpointsTest, TheFeatureServicesVectorIsPutIntoTheModelsOrder) {
  home_.set_alias("champion", home_.add_version(1, {"a2", "b2"}));
  MUST(endpoints_.apply(with_service()));
  const Row row(0.5, -0.25);
  EXPECT_THAT(values_of(MUST(endpoints_.infer("e", row.request()))), ElementsAre(expected("champion", {1.0, -0.5})));
}

TEST_F(EndpointsTest, EveryPredictionIsLoggedWithItsInputsFeaturesAndShadows) {
  home_.set_alias("champion", home_.add_version(1, {"a2", "b2"}));
  home_.set_alias("baseline", home_.add_version(2, {"b2", "a2"}));
  EndpointSpec shadowed = with_service();
  shadowed.shadow = {{"baseline", {}}, {"nobody", {}}};
  MUST(endpoints_.apply(shadowed));
  const Row row(0.5, NAN);
  InferRequest request = row.request("r1");
  request.event_time = Timestamp{42};
  MUST(endpoints_.infer("e", request));
  const duck::Table rows = log_rows();
  ASSERT_EQ(rows.rows, 1U);
  EXPECT_EQ(rows.find("id")->strings[0], "r1");
  EXPECT_EQ(rows.find("event_time")->ints[0], 42);
  EXPECT_EQ(rows.find("served_at")->ints[0], 1'000'000);
  EXPECT_EQ(rows.find("version")->ints[0], 1);
  EXPECT_EQ(rows.find("route")->strings[0], "champion");
  EXPECT_EQ(rows.find("a")->doubles[0], 0.5);
  EXPECT_TRUE(rows.find("b")->is_null(0));
  EXPECT_EQ(rows.find("a2")->doubles[0], 1.0);
  EXPECT_TRUE(rows.find("b2")->is_null(0));
  EXPECT_EQ(rows.find("prediction")->doubles[0], expected("champion", {1.0, NAN}));
  EXPECT_EQ(rows.find("shadow_baseline")->doubles[0], expected("baseline", {NAN, 1.0}));
  EXPECT_TRUE(rows.find("shadow_nobody")->is_null(0));
}

TEST_F(EndpointsTest, FollowsTheAlias) {
  home_.set_alias("champion", home_.add_version(1, {"a", "b"}));
  MUST(endpoints_.apply(spec()));
  const Row row(0.5, -0.25);
  const double first = values_of(MUST(endpoints_.infer("e", row.request())))[0];
  home_.set_alias("champion", home_.add_version(2, {"b", "a"}));
  EXPECT_EQ(MUST(endpoints_.infer("e", row.request())).version, 1);
  MUST(endpoints_.refresh("m"));
  EXPECT_EQ(MUST(endpoints_.infer("e", row.request())).version, 2);
  home_.set_alias("champion", 1);
  MUST(endpoints_.refresh("m"));
  EXPECT_EQ(values_of(MUST(endpoints_.infer("e", row.request())))[0], first);
  MUST(endpoints_.refresh("another"));
  ASSERT_EQ(home_.changes.size(), 3U);
  EXPECT_EQ(home_.changes[0].previous, std::nullopt);
  EXPECT_EQ(home_.changes[1].version, 2);
  EXPECT_EQ(home_.changes[2].previous, 2);
}

// A model that is still in memory would not be read again.
TEST_F(EndpointsTest, FreesAModelThatNothingUses) {
  home_.set_alias("champion", home_.add_version(1, {"a", "b"}));
  MUST(endpoints_.apply(spec()));
  home_.set_alias("champion", home_.add_version(2, {"a", "b"}));
  MUST(home_.blobs->remove(MUST(home_.registry->find_version("m", 1)).source));
  home_.set_alias("champion", 1);
  MUST(endpoints_.refresh("m"));  // in memory yet
  home_.set_alias("champion", 2);
  MUST(endpoints_.refresh("m"));
  home_.set_alias("champion", 1);
  EXPECT_THAT(endpoints_.refresh("m").error().message, HasSubstr("model m version 1: "));
  EXPECT_EQ(MUST(endpoints_.infer("e", Row(1, 2).request())).version, 2);
}

TEST_F(EndpointsTest, AVersionThatFailsItsGoldenRowsIsNotTaken) {
  home_.set_alias("champion", home_.add_version(1, {"a", "b"}));
  MUST(endpoints_.apply(spec()));
  home_.set_alias("champion", home_.add_version(2, {"a", "b"}));
  const auto folder = MUST(home_.blobs->local_path(MUST(home_.registry->find_alias("m", "champion")).source));
  const auto file = folder / "input_example" / "golden.json";
  Json golden = MUST(parse_json(MUST(read_file(file))));
  golden["predictions"][2][0] = golden["predictions"][2][0].get<double>() + 1e-7;
  MUST(write_file(file, dump_json(golden)));
  const auto refreshed = endpoints_.refresh("m");
  ASSERT_FALSE(refreshed);
  EXPECT_THAT(refreshed.error().message, HasSubstr("model m version 2: golden row 2 is predicted as"));
  EXPECT_EQ(MUST(endpoints_.infer("e", Row(1, 2).request())).version, 1);
  EXPECT_THAT(MUST(endpoints_.find("e")).problem, HasSubstr("golden row 2"));
}

TEST_F(EndpointsTest, AVersionThatWantsOtherFeaturesIsNotTaken) {
  home_.set_alias("champion", home_.add_version(1, {"a2", "b2"}));
  MUST(endpoints_.apply(with_service()));
  home_.set_alias("champion", home_.add_version(2, {"a2", "b3"}));
  EXPECT_EQ(endpoints_.refresh("m").error().message,
            "model m version 2 needs \"b3\", which the endpoint's features do not have; did you mean \"b2\"?");
  EXPECT_EQ(MUST(endpoints_.infer("e", Row(1, 2).request())).version, 1);
}

TEST_F(EndpointsTest, SaysWhyItCannotAnswer) {
  const Row row(1, 2);
  EXPECT_EQ(infer_error("e", row.request()), "NOT_FOUND endpoint e does not exist");
  MUST(endpoints_.apply({.name = "delays", .model = "m"}));
  EXPECT_EQ(infer_error("delay", row.request()), "NOT_FOUND endpoint delay does not exist; did you mean \"delays\"?");
  EXPECT_EQ(infer_error("delays", row.request()),
            "UNAVAILABLE endpoint delays has no model yet: alias champion of model m is not set");
  home_.set_alias("champion", home_.add_version(1, {"a", "b"}));
  MUST(endpoints_.refresh("m"));
  EXPECT_EQ(infer_error("delays", row.request()), "");
  InferRequest request = row.request();
  request.version = 7;
  EXPECT_EQ(infer_error("delays", request), "NOT_FOUND endpoint delays serves version 1, not 7");
  EXPECT_EQ(infer_error("delays", {.inputs = std::span(row.tensors).first(1)}),
            "INVALID_ARGUMENT endpoint delays needs input \"b\"");
  const std::array<std::string_view, 2> outputs = {"prediction", "predicton"};
  request = row.request();
  request.outputs = outputs;
  EXPECT_EQ(infer_error("delays", request),
            "INVALID_ARGUMENT endpoint delays has no output \"predicton\"; did you mean \"prediction\"?");
  const std::string long_id(513, 'x');
  EXPECT_THAT(infer_error("delays", row.request(long_id)), HasSubstr("id is longer than 512 bytes"));
  EXPECT_EQ(MUST(endpoints_.find("delays")).failures, 5U);
  EXPECT_EQ(MUST(endpoints_.find("delays")).predictions, 1U);
  MUST(endpoints_.remove("delays"));
  EXPECT_EQ(infer_error("delays", row.request()), "NOT_FOUND endpoint delays does not exist");
}

TEST_F(EndpointsTest, MetricsTellRequestsByVersionAndCodeAndForgetVersionsThatLeft) {
  home_.set_alias("champion", home_.add_version(1, {"a", "b"}));
  MUST(endpoints_.apply(spec()));
  const Row row(0.5, -0.25);
  MUST(endpoints_.infer("e", row.request()));
  const std::string_view wanted = "nothing";
  InferRequest wrong = row.request();
  wrong.outputs = {&wanted, 1};
  EXPECT_THAT(infer_error("e", wrong), HasSubstr("INVALID_ARGUMENT"));
  const std::string labels = "{endpoint=\"e\",version=\"1\",arm=\"champion\",code=";
  const std::string first = endpoints_.exposition();
  EXPECT_THAT(first, HasSubstr("millrace_prediction_seconds_count" + labels + "\"OK\"} 1\n"));
  EXPECT_THAT(first, HasSubstr("millrace_prediction_seconds_count" + labels + "\"INVALID_ARGUMENT\"} 1\n"));
  EXPECT_THAT(first, HasSubstr("millrace_prediction_phase_seconds_count" + labels + "\"OK\",phase=\"compute\"} 1\n"));
  EXPECT_THAT(first, HasSubstr("millrace_inflight_requests{endpoint=\"e\"} 0\n"));
  EXPECT_THAT(first, HasSubstr("millrace_swap_seconds_count{endpoint=\"e\",outcome=\"done\"} 1\n"));

  MUST(endpoints_.apply(spec()));  // nothing changes
  home_.set_alias("champion", home_.add_version(2, {"a", "b"}));
  MUST(endpoints_.refresh("m"));
  EXPECT_THAT(endpoints_.exposition(), HasSubstr("version=\"1\""));  // once more
  const std::string second = endpoints_.exposition();
  EXPECT_THAT(second, Not(HasSubstr("version=\"1\"")));
  EXPECT_THAT(second, HasSubstr("millrace_predictions_total{endpoint=\"e\",version=\"2\",arm=\"champion\"} 0\n"));
  EXPECT_THAT(second, HasSubstr("millrace_swap_seconds_count{endpoint=\"e\",outcome=\"done\"} 2\n"));
  EXPECT_THAT(second, HasSubstr("millrace_prediction_failures_total{endpoint=\"e\",code=\"INVALID_ARGUMENT\"} 1\n"));
}

TEST_F(EndpointsTest, MetricsTellWhatFailedWithoutAVersion) {
  MUST(endpoints_.apply(spec()));
  EXPECT_THAT(infer_error("e", Row(1, 2).request()), HasSubstr("UNAVAILABLE"));
  EXPECT_THAT(endpoints_.exposition(),
              HasSubstr("millrace_prediction_seconds_count{endpoint=\"e\",code=\"UNAVAILABLE\"} 1\n"));
  home_.set_alias("champion", home_.add_version(1, {"c", "d"}));
  EXPECT_FALSE(endpoints_.apply(with_service()));
  EXPECT_THAT(endpoints_.exposition(), HasSubstr("millrace_swap_seconds_count{endpoint=\"e\",outcome=\"failed\"} 1\n"));
  MUST(endpoints_.remove("e"));
  endpoints_.exposition();
  EXPECT_EQ(endpoints_.exposition(), "");
}

TEST_F(EndpointsTest, TheLogsColumnsGrowWithTheEndpoint) {
  home_.set_alias("champion", home_.add_version(1, {"a2", "b2"}));
  MUST(endpoints_.apply(with_service()));
  const Row row(0.5, 0.25);
  MUST(endpoints_.infer("e", row.request("r1")));
  home_.set_alias("baseline", home_.add_version(2, {"a2", "b2"}));
  EndpointSpec shadowed = with_service();
  shadowed.shadow = {{"baseline", {}}};
  MUST(endpoints_.apply(shadowed));
  MUST(endpoints_.infer("e", row.request("r2")));
  MUST(endpoints_.apply(with_service()));
  MUST(endpoints_.infer("e", row.request("r3")));
  const duck::Table rows = log_rows();
  EXPECT_THAT(rows.find("id")->strings, ElementsAre("r1", "r2", "r3"));
  EXPECT_THAT(rows.find("shadow_baseline")->valid, ElementsAre(0, 1, 0));
  EXPECT_THAT(rows.find("prediction")->valid, ElementsAre(1, 1, 1));
}

TEST_F(EndpointsTest, ManyClassesHaveAColumnEach) {
  home_.set_alias("champion", home_.add_version(1, {"a", "b"}, 3));
  MUST(endpoints_.apply(spec()));
  const InferAnswer answer = MUST(endpoints_.infer("e", Row(0.5, 0.25).request("r")));
  EXPECT_EQ(shape_text(answer.outputs[0].shape), "[1,3]");
  const std::vector<double> values = values_of(answer);
  EXPECT_NEAR(values[0] + values[1] + values[2], 1, 1e-6);
  const duck::Table rows = log_rows();
  EXPECT_EQ(rows.find("prediction_2")->doubles[0], values[2]);
}

TEST_F(EndpointsTest, NoRequestFailsWhileVersionsAndColumnsChange) {
  const std::int64_t one = home_.add_version(1, {"a2", "b2"}), two = home_.add_version(2, {"b2", "a2"});
  home_.set_alias("champion", one);
  home_.set_alias("baseline", two);
  MUST(endpoints_.apply(with_service()));
  const double of_one = expected("champion", {1.0, -0.5}), of_two = expected("baseline", {-0.5, 1.0});
  std::atomic<bool> done{false};
  std::atomic<int> answered{0};
  std::vector<std::jthread> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back([&] {
      const Row row(0.5, -0.25);
      while (!done) {
        const auto answer = endpoints_.infer("e", row.request());
        ASSERT_TRUE(answer) << answer.error().message;
        ASSERT_EQ(values_of(*answer)[0], answer->version == one ? of_one : of_two);
        ++answered;
      }
    });
  }
  for (int change = 0; change < 20; ++change) {
    home_.set_alias("champion", change % 2 == 0 ? two : one);
    MUST(endpoints_.refresh("m"));
    if (change != 10) continue;
    EndpointSpec shadowed = with_service();
    shadowed.shadow = {{"baseline", {}}};
    MUST(endpoints_.apply(shadowed));
    MUST(endpoints_.commit_predictions("e"));
  }
  done = true;
  clients.clear();
  EXPECT_EQ(static_cast<int>(log_rows().rows), answered);
}

std::shared_ptr<const features::Definitions> airport_features() {
  Diagnostics diagnostics;
  const auto documents = parse_yaml(
      "kind: FeatureView\nname: origin\nentities: [origin]\nsource: flights\nfeatures:\n"
      "  - {name: a2, sql: delay, aggregate: mean, window: 3h}\n"
      "---\nkind: FeatureView\nname: departure\nsource: request\ninputs:\n  - {name: distance, type: bigint}\n"
      "features:\n  - {name: b2, sql: distance / 100}\n"
      "---\nkind: FeatureService\nname: airport\nfeatures: [origin, departure]\n",
      "f.yaml", diagnostics);
  const features::SourceSchema flights{
      "known_at",
      {{"known_at", sql::Type::kTimestamp}, {"origin", sql::Type::kVarchar}, {"delay", sql::Type::kBigint}}};
  auto definitions = features::Definitions::make(
      {*features::parse_feature_view(documents.at(0), diagnostics),
       *features::parse_feature_view(documents.at(1), diagnostics)},
      {*features::parse_feature_service(documents.at(2), diagnostics)},
      [&](std::string_view name) { return name == "flights" ? &flights : nullptr; }, diagnostics);
  for (const Diagnostic& fault : diagnostics.list) ADD_FAILURE() << format_diagnostic(fault);
  return definitions;
}

TEST_F(EndpointsTest, ARequestsEntityIsLookedUpInTheOnlineStore) {
  features::online::OnlineStore store;
  for (const auto& backfill : store.apply(airport_features())) MUST(store.finish_backfill(backfill.view, 0));
  duck::Table rows = duck::Table::of(
      {{"known_at", duck::Type::kTimestamp}, {"origin", duck::Type::kVarchar}, {"delay", duck::Type::kBigint}});
  for (const std::int64_t delay : {10, 30}) {
    rows.columns[0].append_int(1'000'000 * delay);
    rows.columns[1].append_string("DFW");
    rows.columns[2].append_int(delay);
    ++rows.rows;
  }
  MUST(store.push("flights", rows, "p1"));
  home_.set_alias("champion", home_.add_version(1, {"a2", "b2"}));
  auto parts = home_.parts();
  parts.find_vectors = online_vectors(store);
  Endpoints endpoints(parts);
  MUST(endpoints.apply({.name = "e", .model = "m", .features = "airport"}));

  const std::int64_t shape = 1, distance = 250;
  const std::string_view origin = "DFW";
  const std::array inputs = {
      TensorView{"origin", Datatype::kBytes, {&shape, 1}, {}, std::span(&origin, 1)},
      TensorView{"distance", Datatype::kInt64, {&shape, 1}, std::as_bytes(std::span(&distance, 1)), {}}};
  const auto at = [&](std::int64_t seconds) {
    return values_of(MUST(endpoints.infer("e", {.event_time = Timestamp{1'000'000 * seconds}, .inputs = inputs})))[0];
  };
  EXPECT_EQ(at(5), expected("champion", {NAN, 2.5}));
  EXPECT_EQ(at(20), expected("champion", {10, 2.5}));
  EXPECT_EQ(at(40), expected("champion", {20, 2.5}));
  const EndpointStatus status = MUST(endpoints.find("e"));
  EXPECT_THAT(status.feature_columns, ElementsAre("a2", "b2"));
  EXPECT_EQ(status.inputs.size(), 2U);
}

// Not a check: the figure that docs and reviews quote. Run it in a release build.
TEST_F(EndpointsTest, DISABLED_Speed) {
  std::vector<std::string> names;
  for (int i = 0; i < 10; ++i) names.push_back(fmt::format("feature_{}", i));
  home_.set_alias("champion", home_.add_version(1, names, 0, 100));
  home_.set_alias("baseline", home_.add_version(2, names, 0, 100));
  EndpointSpec shadowed = spec();
  shadowed.shadow = {{"baseline", {}}};
  MUST(endpoints_.apply(shadowed));
  const std::int64_t shape = 1;
  std::vector<double> values(10, 0.25);
  std::vector<TensorView> inputs;
  for (int i = 0; i < 10; ++i) {
    inputs.push_back({names[i], Datatype::kFp64, {&shape, 1}, std::as_bytes(std::span(&values[i], 1)), {}});
  }
  constexpr int kRequests = 300000;
  const std::clock_t start = std::clock();
  for (int i = 0; i < kRequests; ++i) {
    values[i % 10] = 0.1 * (i % 17) - 1;
    MUST(endpoints_.infer("e", {.id = "0123456789", .inputs = inputs}));
  }
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  std::printf("infer, one row of 10 values, 100 trees of depth 6, one shadow, logged: %.2f us\n",
              seconds * 1e6 / kRequests);
}

}  // namespace
}  // namespace millrace::serving
