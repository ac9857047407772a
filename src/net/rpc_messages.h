#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::net {

// Cuts what a gRPC call's stream carries into its messages: a byte that is 1 where the message is packed, four bytes
// of length, most significant first, and the message.
class RpcMessages {
 public:
  static constexpr std::size_t kPrefix = 5;

  struct Message {
    bool packed = false;
    std::string_view bytes;
  };

  // Takes bytes as they come. kResourceExhausted once the message at the front says that it is longer than `most`;
  // kInvalidArgument where it does not begin as messages do.
  Result<void> add(std::string_view bytes, std::size_t most);

  // The message at the front, where it is whole; valid until the next add() or pop().
  std::optional<Message> front() const;
  // Drops it. The error is add()'s, about the next one.
  Result<void> pop(std::size_t most);

  // Bytes that came and were not dropped.
  std::size_t held() const { return bytes_.size() - begin_; }
  // Forgets everything; keeps some memory for the next call.
  void clear();

 private:
  Result<void> check_front(std::size_t most) const;
  std::size_t front_size() const;  // without its prefix, which must be there

  std::string bytes_;
  std::size_t begin_ = 0;
};

// Appends a message that is not packed.
void append_rpc_message(std::string& out, std::string_view message);

}  // namespace millrace::net
