#include "serving/runtimes/worker_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::serving {
namespace {

using testing::HasSubstr;

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(WorkerProtocol, FramesHoldTensors) {
  const std::int64_t shape = 2;
  const double numbers[] = {1, 2};
  const std::string_view texts[] = {"a", "bcd"};
  const TensorView inputs[] = {{.name = "x", .shape = {&shape, 1}, .data = std::as_bytes(std::span(numbers))},
                               {},  // left out
                               {.name = "s", .datatype = Datatype::kBytes, .shape = {&shape, 1}, .texts = texts}};
  const auto frame = infer_frame(7, inputs);
  const auto prefix = MUST(read_prefix(bytes(frame).first<kPrefixBytes>()));
  EXPECT_EQ(prefix.tensor_bytes, 16 + 4 + 1 + 4 + 3);
  const auto message = MUST(read_message(std::string_view(frame).substr(kPrefixBytes, prefix.header_bytes),
                                         bytes(frame).subspan(kPrefixBytes + prefix.header_bytes)));
  EXPECT_EQ(message.type, "infer");
  EXPECT_EQ(message.id, 7);
  ASSERT_EQ(message.tensors.size(), 2);
  EXPECT_EQ(element<double>(message.tensors[0].data, 1), 2);
  EXPECT_EQ(message.tensors[1].texts, (std::vector<std::string>{"a", "bcd"}));
}

TEST(WorkerProtocol, FaultsOfFramesAreErrors) {
  const struct {
    std::string_view header, tensors, message;
  } cases[] = {
      {"{", "", "sent no JSON"},
      {"[]", "", "no text \"type\""},
      {R"({"type": "result"})", "", "no number \"id\""},
      {R"({"type": "result", "id": 1, "tensors": 3})", "", "is no list"},
      {R"({"type": "result", "id": 1, "tensors": [3]})", "", "no text \"name\""},
      {R"({"type": "result", "id": 1, "tensors": [{"name": "x", "datatype": "FP31"}]})", "", "datatype FP31"},
      {R"({"type": "result", "id": 1, "tensors": [{"name": "x", "datatype": "FP64", "shape": [1]}]})", "", "\"size\""},
      {R"({"type": "result", "id": 1, "tensors": [{"name": "x", "datatype": "FP64", "shape": [-1], "size": 0}]})", "",
       "of the shape [-1]"},
      {R"({"type": "result", "id": 1, "tensors": [{"name": "x", "datatype": "FP64", "shape": [1], "size": 8}]})",
       "1234", "sent 4 bytes for \"x\", which has 8"},
      {R"({"type": "result", "id": 1, "tensors": [{"name": "x", "datatype": "FP64", "shape": [1], "size": 4}]})",
       "1234", "sent 4 bytes for \"x\" of the shape [1]"},
      {R"({"type": "result", "id": 1, "tensors": [{"name": "x", "datatype": "BYTES", "shape": [1], "size": 3}]})",
       "abc", "without its length"},
      {R"({"type": "result", "id": 1, "tensors": [{"name": "x", "datatype": "BYTES", "shape": [1], "size": 6}]})",
       "zzzzab", "in 2"},
      {R"({"type": "result", "id": 1, "tensors": []})", "left", "4 bytes that no tensor has"},
      {R"({"type": "error", "id": 1})", "", "no text \"code\""},
  };
  for (const auto& c : cases) {
    const auto message = read_message(c.header, bytes(c.tensors));
    ASSERT_FALSE(message) << c.header;
    EXPECT_EQ(message.error().code, Code::kDataLoss);
    EXPECT_THAT(message.error().message, HasSubstr(c.message));
  }
}

TEST(WorkerProtocol, ChecksItsVersion) {
  EXPECT_TRUE(check_handshake("MILLRACE-WORKER 1 3.11.2"));
  for (const auto* line : {"MILLRACE-WORKER 2 3.11.2", "Hello", ""}) EXPECT_FALSE(check_handshake(line)) << line;
}

}  // namespace
}  // namespace millrace::serving
