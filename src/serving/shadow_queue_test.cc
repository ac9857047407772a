#include "serving/shadow_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <latch>

#include "serving/home_for_tests.h"
#include "serving/logged_row.h"

namespace millrace::serving {
namespace {

using ::testing::ElementsAre;

// Answers twice its input; waits before it does where a test wants it to, and fails on negative numbers.
class SlowRuntime final : public Runtime {
 public:
  explicit SlowRuntime(std::latch* go) : go_(go) {}
  std::string_view platform() const override { return "test"; }
  const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  const std::vector<TensorSpec>& outputs() const override { return outputs_; }
  Result<std::vector<Tensor>> infer(std::span<const TensorView> inputs) const override {
    if (go_ != nullptr) go_->wait();
    const std::size_t rows = inputs[0].data.size() / sizeof(double);
    Tensor out = make_tensor("y", Datatype::kFp64, {static_cast<std::int64_t>(rows)});
    for (std::size_t row = 0; row < rows; ++row) {
      const double value = number_at(inputs[0], row);
      if (value < 0) return invalid_argument("negative");
      elements<double>(out)[row] = 2 * value;
    }
    return std::vector{std::move(out)};
  }

 private:
  std::latch* go_;
  std::vector<TensorSpec> inputs_ = {{.name = "x"}};
  std::vector<TensorSpec> outputs_ = {{.name = "y"}};
};

Tensor column(std::string name, std::vector<double> values) {
  Tensor tensor = make_tensor(std::move(name), Datatype::kFp64, {static_cast<std::int64_t>(values.size())});
  std::ranges::copy(values, elements<double>(tensor).begin());
  return tensor;
}

class ShadowQueueTest : public ::testing::Test {
 protected:
  // An endpoint whose shadow is scored later; its arm is not needed.
  void serve(std::latch* go = nullptr) {
    auto model = std::make_shared<const LoadedModel>(LoadedModel{"m", 2, std::make_unique<SlowRuntime>(go)});
    endpoint_->spec = {.name = "e", .model = "m"};
    endpoint_->shadows.push_back(
        {.scored = {.alias = "next", .model = model}, .when = ServedShadow::When::kLater, .meter = meter_});
    PredictionSchema schema{.outputs = {{.name = "y"}}, .shadows = {{"next", {{.name = "y"}}}}};
    endpoint_->log = MUST(PredictionLog::open(*home_.datasets, "e", std::move(schema)));
  }

  // As a request is answered and logged.
  ShadowJob answered(const std::string& id, std::vector<double> inputs, std::vector<double> answer) {
    ShadowJob job{.endpoint = endpoint_, .id = id, .event_time = Timestamp{42}, .rows = inputs.size()};
    job.answer = {column("y", std::move(answer))};
    job.inputs = {column("x", std::move(inputs))};
    LoggedRows rows(endpoint_->log->schema(), job.rows);
    rows.add_outputs(job.answer);
    rows.add_shadow({});
    for (std::size_t row = 0; row < job.rows; ++row) {
      rows.select(row);
      MUST(endpoint_->log->append({.id = row_id(id, row, job.rows),
                                   .event_time = job.event_time,
                                   .version = 1,
                                   .route = "champion",
                                   .prediction = rows.outputs(),
                                   .shadows = rows.shadows()}));
    }
    return job;
  }

  duck::Table log_rows() {
    MUST(endpoint_->log->commit());
    duck::Connection connection = MUST(home_.duck->connect());
    const auto version = MUST(home_.datasets->version("e.predictions"));
    return MUST(connection.query("select * from " + datasets::scan_sql(version) + " order by id"));
  }

  Home home_;
  std::shared_ptr<ServedEndpoint> endpoint_ = std::make_shared<ServedEndpoint>();
  std::shared_ptr<ShadowMeter> meter_ = std::make_shared<ShadowMeter>();
};

TEST_F(ShadowQueueTest, WhatAShadowGivesLaterStandsInTheRowsOfTheLog) {
  serve();
  ShadowQueue queue(1 << 20);
  ASSERT_TRUE(queue.offer(answered("a", {0.3}, {0.7})));
  ASSERT_TRUE(queue.offer(answered("b", {0.1, 30}, {0.6, 60})));
  ASSERT_TRUE(queue.offer(answered("c", {-1}, {0})));
  EXPECT_TRUE(queue.drain(std::chrono::minutes(1)));
  const duck::Table rows = log_rows();
  EXPECT_THAT(rows.find("id")->strings, ElementsAre("a", "b.0", "b.1", "c"));
  EXPECT_THAT(rows.find("prediction")->doubles, ElementsAre(0.7, 0.6, 60, 0));
  EXPECT_THAT(rows.find("version")->ints, ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(rows.find("shadow_next")->valid, ElementsAre(1, 1, 1, 0));
  EXPECT_EQ(rows.find("shadow_next")->doubles[0], 0.6);
  EXPECT_EQ(rows.find("shadow_next")->doubles[1], 0.2);
  EXPECT_EQ(rows.find("shadow_next")->doubles[2], 60);
  EXPECT_EQ(meter_->compared.value(), 3U);
  EXPECT_EQ(meter_->agreed.value(), 2U);
  EXPECT_EQ(meter_->failures.value(), 1U);
}

TEST_F(ShadowQueueTest, NobodyWaitsForAShadowThatLagsBehind) {
  std::latch go(1);
  serve(&go);
  ShadowQueue queue(2 * answered("a", {0.3}, {0.7}).bytes() + 64);
  int taken = 0;
  for (int i = 0; i < 10; ++i) taken += queue.offer(answered(fmt::format("r{}", i), {0.3}, {0.7})) ? 1 : 0;
  EXPECT_GE(taken, 2);
  EXPECT_LE(taken, 3) << "one is being scored, two wait";
  EXPECT_FALSE(queue.drain(std::chrono::milliseconds(1)));
  go.count_down();
  EXPECT_TRUE(queue.drain(std::chrono::minutes(1)));
  EXPECT_EQ(meter_->compared.value(), static_cast<std::uint64_t>(taken));
}

TEST_F(ShadowQueueTest, WhatComesAfterItsRowIsInAVersionIsNoRowOfItsOwn) {
  serve();
  ShadowJob late = answered("a", {0.3}, {0.7});
  EXPECT_EQ(log_rows().rows, 1U);
  ShadowQueue queue(1 << 20);
  ASSERT_TRUE(queue.offer(std::move(late)));
  ASSERT_TRUE(queue.offer(answered("b", {0.3}, {0.7})));
  EXPECT_TRUE(queue.drain(std::chrono::minutes(1)));
  const duck::Table rows = log_rows();
  EXPECT_THAT(rows.find("id")->strings, ElementsAre("a", "b"));
  EXPECT_THAT(rows.find("shadow_next")->valid, ElementsAre(0, 1));
}

TEST_F(ShadowQueueTest, WhatWaitsAtTheEndIsDropped) {
  serve();
  ShadowQueue queue(1 << 20);
  for (int i = 0; i < 100; ++i) queue.offer(answered(fmt::format("r{}", i), {0.3}, {0.7}));
}

}  // namespace
}  // namespace millrace::serving
