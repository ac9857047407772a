#include "api/otlp/spans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "api/otlp/any_value.h"

namespace millrace::api::otlp {
namespace {

using ::testing::HasSubstr;

// A field of a protobuf message whose value is short.
std::string field(int number, std::string_view bytes) {
  return fmt::format("{}{}{}", static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size()), bytes);
}
std::string fixed64(int number, std::uint64_t value) {
  std::string out(1, static_cast<char>(number << 3 | 1));
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

const std::string kTraceId(16, '\x0a');
const std::string kSpanId(8, '\x0b');

std::string request(const std::string& span) { return field(1, field(2, field(2, span))); }

TEST(OtlpSpans, ASpanIsRead) {
  const std::string span = field(1, kTraceId) + field(2, kSpanId) + field(5, "name") + fixed64(7, 5) +
                           fixed64(8, ~0ull) + field(9, field(1, "k") + field(2, field(1, "v"))) +
                           field(15, field(2, "oops") + std::string("\x18\x02"));
  const auto batches = MUST(read_protobuf(request(span)));
  ASSERT_EQ(batches.size(), 1);
  const tracking::Span& read = batches[0].spans.at(0);
  EXPECT_EQ(read.trace_id, "tr-0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a");
  EXPECT_EQ(read.id, "0b0b0b0b0b0b0b0b");
  EXPECT_TRUE(read.is_root());
  EXPECT_EQ(read.start_ns, 5);
  EXPECT_EQ(read.end_ns, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(read.status, tracking::SpanStatus::kError);
  EXPECT_EQ(read.status_message, "oops");
  EXPECT_EQ(*read.find("k"), "\"v\"");
  EXPECT_EQ(*read.find("mlflow.traceRequestId"), "\"tr-0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a\"");
}

TEST(OtlpSpans, WhatIsNoSpanIsRefused) {
  const std::string good = request(field(1, kTraceId) + field(2, kSpanId));
  EXPECT_TRUE(read_protobuf(good));
  const std::pair<const char*, std::string> cases[] = {
      {"nothing", ""},
      {"a short trace id", request(field(1, "abc") + field(2, kSpanId))},
      {"no span id", request(field(1, kTraceId))},
      {"cut", good.substr(0, good.size() - 1)},
      {"a number for a message", std::string("\x08\x01")},
      {"field 0", std::string("\x02\x00", 2)},
      {"a group", std::string("\x0b")},
      {"a varint without end", std::string(11, '\xff')},
      {"a length beyond the end", std::string("\x0a\xff\xff\xff\xff\x7f")},
  };
  for (const auto& [name, bytes] : cases) {
    const auto result = read_protobuf(bytes);
    ASSERT_FALSE(result) << name;
    EXPECT_EQ(result.error().code, Code::kInvalidArgument) << name;
  }
}

TEST(OtlpSpans, ProtobufAndJsonSayTheSame) {
  const auto json = MUST(read_json(R"({"resourceSpans":[{"resource":{"attributes":[
    {"key":"service.name","value":{"stringValue":"mill"}},{"key":"telemetry.sdk.name","value":{"stringValue":"x"}}]},
    "scopeSpans":[{"spans":[{"traceId":"0A0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a","spanId":"0b0b0b0b0b0b0b0b","name":"name",
    "attributes":[{"key":"n","value":{"intValue":"-3"}},{"key":"list","value":{"array_value":{"values":[{}]}}}]}]}]}]})"));
  ASSERT_EQ(json.at(0).resource.size(), 1);
  EXPECT_EQ(json[0].resource[0].value, "mill");
  const auto& span = json[0].spans.at(0);
  EXPECT_EQ(span.trace_id, "tr-0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a");
  EXPECT_EQ(*span.find("n"), "-3");
  EXPECT_EQ(*span.find("list"), "[null]");
}

TEST(OtlpSpans, SpansAreWrittenAsTheyWereRead) {
  tracking::Span span{.trace_id = "tr-" + std::string(32, 'a'),
                      .id = std::string(16, 'b'),
                      .name = "n",
                      .start_ns = 1,
                      .status = tracking::SpanStatus::kOk,
                      .attributes = {{"a", R"({"x":[1,0.5,true,null,"t"]})"}},
                      .events = R"([{"name":"e","time_unix_nano":7,"attributes":{"k":"v"}}])"};
  JsonWriter out;
  write_otlp(out, span);
  EXPECT_EQ(
      std::move(out).text(),
      R"({"trace_id":"qqqqqqqqqqqqqqqqqqqqqg==","span_id":"u7u7u7u7u7s=","name":"n","start_time_unix_nano":1,)"
      R"("attributes":[{"key":"a","value":{"kvlist_value":{"values":[{"key":"x","value":{"array_value":{"values":)"
      R"([{"int_value":1},{"double_value":0.5},{"bool_value":true},{},{"string_value":"t"}]}}}]}}}],)"
      R"("events":[{"time_unix_nano":7,"name":"e","attributes":[{"key":"k","value":{"string_value":"v"}}]}],)"
      R"("status":{"code":"STATUS_CODE_OK"}})");
  JsonWriter plain;
  write_plain(plain, span);
  EXPECT_THAT(std::move(plain).text(), HasSubstr(R"("attributes":{"a":"{\"x\":[1,0.5,true,null,\"t\"]}"})"));
}

TEST(OtlpSpans, TextsAreMended) {
  EXPECT_EQ(clean_text("größe"), "größe");
  EXPECT_EQ(clean_text("a\xff"), "a\xef\xbf\xbd");
  EXPECT_EQ(clean_text(std::string_view("a\0b", 3)),
            "a\xef\xbf\xbd"
            "b");
}

}  // namespace
}  // namespace millrace::api::otlp
