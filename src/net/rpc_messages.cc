#include "net/rpc_messages.h"

#include <cstdint>

#include "net/text.h"

namespace millrace::net {
namespace {

constexpr std::size_t kKeptMemory = 64 << 10;

}  // namespace

Result<void> RpcMessages::add(std::string_view bytes, std::size_t most) {
  if (begin_ > kKeptMemory && begin_ > held()) {
    bytes_.erase(0, begin_);
    begin_ = 0;
  }
  bytes_ += bytes;
  return check_front(most);
}

Result<void> RpcMessages::check_front(std::size_t most) const {
  if (held() == 0) return {};
  if (static_cast<unsigned char>(bytes_[begin_]) > 1) return invalid_argument("what was sent is not a gRPC message");
  if (held() < kPrefix || front_size() <= most) return {};
  return fail(Code::kResourceExhausted, "the message has {} bytes; at most {} are taken", front_size(), most);
}

std::size_t RpcMessages::front_size() const {
  std::uint32_t size = 0;
  for (std::size_t i = 1; i < kPrefix; ++i) size = size << 8 | static_cast<unsigned char>(bytes_[begin_ + i]);
  return size;
}

std::optional<RpcMessages::Message> RpcMessages::front() const {
  if (held() < kPrefix || held() - kPrefix < front_size()) return std::nullopt;
  return Message{bytes_[begin_] != 0, std::string_view(bytes_).substr(begin_ + kPrefix, front_size())};
}

Result<void> RpcMessages::pop(std::size_t most) {
  begin_ += kPrefix + front_size();
  if (held() == 0) clear();
  return check_front(most);
}

void RpcMessages::clear() {
  begin_ = 0;
  if (bytes_.capacity() > kKeptMemory) free_memory(bytes_);
  bytes_.clear();
}

void append_rpc_message(std::string& out, std::string_view message) {
  const auto size = static_cast<std::uint32_t>(message.size());
  const char prefix[RpcMessages::kPrefix] = {0, static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                                             static_cast<char>(size >> 8), static_cast<char>(size)};
  out.append(prefix, sizeof prefix);
  out += message;
}

}  // namespace millrace::net
