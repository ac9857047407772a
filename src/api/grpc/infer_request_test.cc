#include "api/grpc/infer_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/grpc/infer_answer.h"
#include "base/wire.h"

namespace millrace::api::grpc {
namespace {

using serving::Datatype;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename T>
std::string bytes_of(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T)};
}

struct TestInput {
  std::string datatype;
  std::vector<std::int64_t> shape;
  std::string contents = {};
};

std::string message_of(const TestInput& given) {
  std::string input;
  append_wire(input, 1, "x");
  append_wire(input, 2, given.datatype);
  for (const auto extent : given.shape) append_wire_number(input, 3, static_cast<std::uint64_t>(extent));
  if (!given.contents.empty()) append_wire(input, 5, given.contents);
  std::string message;
  append_wire(message, 1, "scores");
  append_wire(message, 5, input);
  return message;
}

std::string with_raw(std::string message, std::string_view raw) {
  append_wire(message, 7, raw);
  return message;
}

std::string list(std::uint32_t field, std::string_view packed) {
  std::string contents;
  append_wire(contents, field, packed);
  return contents;
}

std::string why_not(const std::string& message) {
  InferReader reader;
  const auto asked = reader.read(message);
  return asked ? "it was read" : asked.error().message;
}

TEST(InferRequestTest, RawNumbersAreViewedWhereTheyStand) {
  InferReader reader;
  const auto message = with_raw(message_of({"FP32", {1, 2}}), bytes_of({1.5F, 2.5F}));
  const auto asked = MUST(reader.read(message));
  EXPECT_EQ(asked.endpoint, "scores");
  EXPECT_EQ(asked.form, TensorForm::kRaw);
  const auto& tensor = asked.request.inputs[0];
  EXPECT_EQ(tensor.name, "x");
  EXPECT_THAT(tensor.shape, ElementsAre(1, 2));
  EXPECT_EQ(serving::number_at(tensor, 1), 2.5);
  EXPECT_EQ(static_cast<const void*>(tensor.data.data()), message.data() + message.size() - 8);
}

TEST(InferRequestTest, RawTextsHaveLengths) {
  InferReader reader;
  const auto message = with_raw(message_of({"BYTES", {2}}), std::string("\1\0\0\0a\0\0\0\0", 9));
  EXPECT_THAT(MUST(reader.read(message)).request.inputs[0].texts, ElementsAre("a", ""));
}

TEST(InferRequestTest, ContentsArePackedOrNot) {
  InferReader reader;
  const auto packed = message_of({"INT16", {3}, list(2, std::string("\1\2\3", 3))});
  const auto one = MUST(reader.read(packed)).request.inputs[0];
  EXPECT_EQ(serving::number_at(one, 2), 3);
  std::string contents;
  for (const std::int64_t number : {-1, 5, 7}) append_wire_number(contents, 2, static_cast<std::uint64_t>(number));
  const auto single = message_of({"INT16", {3}, contents});
  const auto other = MUST(reader.read(single)).request.inputs[0];
  EXPECT_EQ(serving::number_at(other, 0), -1);
  EXPECT_EQ(serving::number_at(other, 2), 7);
}

TEST(InferRequestTest, SeveralPackedListsAreOne) {
  InferReader reader;
  const auto message = message_of({"FP64", {3}, list(7, bytes_of({1.0, 2.0})) + list(7, bytes_of({3.0}))});
  const auto tensor = MUST(reader.read(message)).request.inputs[0];
  EXPECT_EQ(serving::number_at(tensor, 0), 1);
  EXPECT_EQ(serving::number_at(tensor, 2), 3);
}

TEST(InferRequestTest, TheReadersMemoryIsNotTheNextRequests) {
  InferReader reader;
  const auto large = message_of({"INT8", {3}, list(2, std::string("\1\2\3", 3))});
  ASSERT_TRUE(reader.read(large));
  const auto empty = message_of({"INT8", {0}});
  EXPECT_TRUE(MUST(reader.read(empty)).request.inputs[0].data.empty());
  std::string none;
  append_wire(none, 1, "scores");
  EXPECT_TRUE(MUST(reader.read(none)).request.inputs.empty());
}

TEST(InferRequestTest, WhatDoesNotFitIsTold) {
  EXPECT_THAT(why_not("\xff\xff"), HasSubstr("protobuf"));
  EXPECT_THAT(why_not(message_of({"FP12", {1}})), HasSubstr("FP12"));
  EXPECT_THAT(why_not(message_of({"FP64", {-2}})), HasSubstr("negative"));
  EXPECT_THAT(why_not(message_of({"FP64", {1LL << 40, 1LL << 40}})), HasSubstr("elements"));
  EXPECT_THAT(why_not(message_of({"FP64", {1 << 20}, list(7, bytes_of({1.0}))})), HasSubstr("has 1 values"));
  EXPECT_THAT(why_not(message_of({"FP64", {1}, list(7, "1234567")})), HasSubstr("half a value"));
  EXPECT_THAT(why_not(message_of({"UINT8", {1}, list(4, std::string("\x80\x02", 2))})), HasSubstr("not UINT8"));
  EXPECT_THAT(why_not(message_of({"FP64", {1}, list(6, bytes_of({1.0F}))})), HasSubstr("list 6"));
  EXPECT_THAT(why_not(with_raw(message_of({"FP64", {1}}), "1234567")), HasSubstr("7 raw bytes"));
  EXPECT_THAT(why_not(with_raw(message_of({"BYTES", {1}}), "\1\0")), HasSubstr("within a length"));
  EXPECT_THAT(why_not(with_raw(message_of({"BYTES", {1}}), std::string("\2\0\0\0a", 5))), HasSubstr("past the end"));
  EXPECT_THAT(why_not(with_raw(message_of({"FP64", {1}, list(7, bytes_of({1.0}))}), bytes_of({1.0}))),
              HasSubstr("one of them"));
}

TEST(InferRequestTest, AVersionIsANumber) {
  std::string message;
  append_wire(message, 1, "scores");
  append_wire(message, 2, "3");
  InferReader reader;
  EXPECT_EQ(MUST(reader.read(message)).request.version, 3);
  append_wire(message, 2, "newest");
  EXPECT_EQ(reader.read(message).error().code, Code::kNotFound);
}

// What was answered, as the fields of the message: their numbers and bytes.
std::vector<std::pair<std::uint32_t, std::string>> fields_of(std::string_view message) {
  std::vector<std::pair<std::uint32_t, std::string>> fields;
  WireReader in(message);
  while (MUST(in.next())) fields.emplace_back(in.field(), in.is_number() ? "" : std::string(MUST(in.bytes())));
  return fields;
}

serving::InferAnswer answer_of(serving::Tensor tensor) {
  serving::InferAnswer answer{.version = 7, .model_name = "scores", .id = "a"};
  answer.outputs.push_back(std::move(tensor));
  return answer;
}

TEST(InferAnswerTest, RawWhereTheRequestWas) {
  auto tensor = serving::make_tensor("p", Datatype::kFp64, {1});
  serving::elements<double>(tensor)[0] = 0.5;
  const auto raw = fields_of(write_answer(answer_of(tensor), TensorForm::kRaw));
  ASSERT_EQ(raw.size(), 5U);
  EXPECT_THAT(raw[0].second, "scores");
  EXPECT_THAT(raw[1].second, "7");
  EXPECT_THAT(raw[2].second, "a");
  EXPECT_EQ(fields_of(raw[3].second).back().first, 3U);
  EXPECT_EQ(raw[4], std::pair(6U, bytes_of({0.5})));
  const auto typed = fields_of(write_answer(answer_of(tensor), TensorForm::kContents));
  ASSERT_EQ(typed.size(), 4U);
  EXPECT_EQ(fields_of(fields_of(typed[3].second).back().second).front(), std::pair(7U, bytes_of({0.5})));
}

TEST(InferAnswerTest, TextsAndNegativeNumbers) {
  const serving::Tensor texts{.name = "t", .datatype = Datatype::kBytes, .shape = {2}, .texts = {"ab", ""}};
  EXPECT_EQ(fields_of(write_answer(answer_of(texts), TensorForm::kRaw)).back().second,
            std::string("\2\0\0\0ab\0\0\0\0", 10));
  auto numbers = serving::make_tensor("n", Datatype::kInt8, {1});
  serving::elements<std::int8_t>(numbers)[0] = -1;
  const auto output = fields_of(write_answer(answer_of(numbers), TensorForm::kContents)).back().second;
  const auto packed = fields_of(fields_of(output).back().second).front();
  EXPECT_EQ(packed, std::pair(2U, std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")));
}

TEST(InferAnswerTest, HalfPrecisionHasNoContents) {
  const auto answer = answer_of(serving::make_tensor("h", Datatype::kFp16, {1}));
  EXPECT_EQ(fields_of(write_answer(answer, TensorForm::kContents)).back().first, 6U);
}

}  // namespace
}  // namespace millrace::api::grpc
