#include "api/mlflow/correlation.h"

#include <gtest/gtest.h>

#include <cmath>

namespace millrace::api::mlflow {
namespace {

TEST(Correlation, OfTwoFilters) {
  EXPECT_DOUBLE_EQ(npmi({.total = 100, .first = 10, .second = 10, .both = 10}), 1);
  EXPECT_DOUBLE_EQ(npmi({.total = 10, .first = 10, .second = 10, .both = 10}), 1);
  EXPECT_DOUBLE_EQ(npmi({.total = 100, .first = 10, .second = 10, .both = 0}), -1);
  EXPECT_NEAR(npmi({.total = 100, .first = 50, .second = 50, .both = 25}), 0, 1e-12);
  EXPECT_NEAR(npmi({.total = 100, .first = 20, .second = 15, .both = 10}), std::log(10 * 100 / 300.0) / std::log(10),
              1e-12);
  EXPECT_TRUE(std::isnan(npmi({.total = 100, .first = 0, .second = 10, .both = 0})));
  EXPECT_TRUE(std::isnan(npmi({})));
  EXPECT_GT(npmi({.total = 100, .first = 10, .second = 10, .both = 0}, 0.5), -1);
}

}  // namespace
}  // namespace millrace::api::mlflow
