#include "base/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace millrace {
namespace {

std::string fault_of(std::string_view text) {
  const auto parsed = parse_json(text);
  if (parsed) return "";
  EXPECT_EQ(parsed.error().code, Code::kInvalidArgument);
  return parsed.error().message;
}

TEST(Json, WhatIsNoJsonSaysWhere) { EXPECT_EQ(fault_of("[1, 2"), "the body is not valid JSON near byte 6"); }

TEST(Json, NestingIsBounded) {
  EXPECT_EQ(fault_of(std::string(64, '[') + std::string(64, ']')), "");
  EXPECT_EQ(fault_of(std::string(100'000, '[') + std::string(100'000, ']')),
            "the JSON is nested deeper than 64 levels");
}

TEST(Json, NumbersThatNoDoubleHoldsAreRefused) {
  EXPECT_EQ(fault_of("1e999"), "the JSON has a number that no double holds");
  EXPECT_EQ(fault_of(R"({"a": [-1e400]})"), "the JSON has a number that no double holds");
  EXPECT_EQ(fault_of("1e308"), "");
}

}  // namespace
}  // namespace millrace
