#include "tracking/evaluation/record.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace millrace::tracking {
namespace {

Json json(const char* text) { return MUST(parse_json(text)); }

TEST(EvaluationRecord, InputsAreTheSameInAnyOrder) {
  EXPECT_EQ(input_hash(json(R"({"inputs":{"a":1,"b":{"x":1,"y":2}}})")),
            input_hash(json(R"({"inputs":{"b":{"y":2,"x":1},"a":1},"outputs":3})")));
  EXPECT_NE(input_hash(json(R"({"inputs":{"a":1}})")), input_hash(json(R"({"inputs":{"a":"1"}})")));
  EXPECT_EQ(input_hash(json("{}")), input_hash(json(R"({"inputs":{}})")));
}

TEST(EvaluationRecord, SaysWhereItIsFrom) {
  const auto record = MUST(new_record(json(
      R"({"inputs":{},"tags":{"mlflow.user":"bob"},"source":{"source_type":"TRACE","source_data":{"trace_id":"tr-1"}}})")));
  EXPECT_EQ(record.source_id, "tr-1");
  EXPECT_EQ(record.source_type, "TRACE");
  EXPECT_EQ(record.created_by, "bob");
  EXPECT_FALSE(record.outputs);
}

TEST(EvaluationRecord, ToldAgainItGrows) {
  auto record = MUST(new_record(json(R"({"inputs":{},"outputs":1,"expectations":{"a":1,"b":1},"tags":{"t":"1"}})")));
  record = MUST(merged(record, json(R"({"expectations":{"b":2},"tags":{"u":"2"}})")));
  EXPECT_EQ(record.expectations, R"({"a":1,"b":2})");
  EXPECT_EQ(record.tags, R"({"t":"1","u":"2"})");
  EXPECT_EQ(record.outputs, "1");
  EXPECT_FALSE(MUST(merged(record, json(R"({"outputs":null})"))).outputs);
}

TEST(EvaluationRecord, WhatIsNoRecordIsRefused) {
  for (const char* text :
       {"1", R"({"inputs":[1]})", R"({"tags":"x"})", R"({"expectations":3})", R"({"source":"TRACE"})"}) {
    EXPECT_EQ(new_record(json(text)).error().code, Code::kInvalidArgument) << text;
  }
}

TEST(EvaluationRecord, TheSchemaKeepsTheFirstTypes) {
  const std::string first = widened_schema("", json(R"([{"inputs":{"q":"x","n":1},"outputs":"text"}])"));
  EXPECT_EQ(first, R"({"inputs":{"q":"string","n":"integer"},"outputs":"string","expectations":{},"version":"1.0"})");
  EXPECT_EQ(
      widened_schema(first, json(R"([{"inputs":{"n":0.5,"o":[1]},"outputs":{"a":1}},7])")),
      R"({"inputs":{"q":"string","n":"integer","o":"array"},"outputs":"string","expectations":{},"version":"1.0"})");
}

}  // namespace
}  // namespace millrace::tracking
