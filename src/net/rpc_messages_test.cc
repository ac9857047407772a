#include "net/rpc_messages.h"

#include <gtest/gtest.h>

namespace millrace::net {
namespace {

using namespace std::string_literals;

TEST(RpcMessagesTest, AreCutHoweverTheyCome) {
  std::string bytes;
  for (const auto& message : {"first"s, ""s, std::string(70'000, 'x')}) append_rpc_message(bytes, message);
  for (const std::size_t piece : {1UL, 3UL, 4096UL, bytes.size()}) {
    RpcMessages messages;
    std::vector<std::size_t> sizes;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      ASSERT_TRUE(messages.add(std::string_view(bytes).substr(at, piece), 70'000));
      while (const auto front = messages.front()) {
        EXPECT_FALSE(front->packed);
        sizes.push_back(front->bytes.size());
        ASSERT_TRUE(messages.pop(70'000));
      }
    }
    EXPECT_EQ(sizes, (std::vector<std::size_t>{5, 0, 70'000})) << piece;
    EXPECT_EQ(messages.held(), 0U);
  }
}

TEST(RpcMessagesTest, LengthsAreBelievedUpToALimit) {
  RpcMessages messages;
  EXPECT_EQ(messages.add("\0\xff\xff\xff\xff"s, 1000).error().code, Code::kResourceExhausted);
  messages.clear();
  EXPECT_TRUE(messages.add("\0\0\0\x03\xe8"s, 1000));
  EXPECT_FALSE(messages.front());
}

TEST(RpcMessagesTest, TheNextMessageIsLookedAtWhenThisOneIsDropped) {
  RpcMessages messages;
  ASSERT_TRUE(messages.add("\0\0\0\0\1a\7"s, 1000));
  EXPECT_EQ(messages.front()->bytes, "a");
  EXPECT_EQ(messages.pop(1000).error().code, Code::kInvalidArgument);
}

TEST(RpcMessagesTest, PackedOnesSaySo) {
  RpcMessages messages;
  ASSERT_TRUE(messages.add("\1\0\0\0\1a"s, 1000));
  EXPECT_TRUE(messages.front()->packed);
}

}  // namespace
}  // namespace millrace::net
