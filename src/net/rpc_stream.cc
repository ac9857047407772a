#include "net/rpc_stream.h"

#include "net/text.h"

namespace millrace::net {
namespace {

constexpr std::size_t kKeptMemory = 64 << 10;
constexpr std::size_t kFieldOverhead = 32;  // as HTTP/2 counts (RFC 9113, section 10.5.1)

void recycle(std::string& text) {
  if (text.capacity() > kKeptMemory) free_memory(text);
  text.clear();
}

}  // namespace

bool RpcHead::add(std::string_view name, std::string_view value, std::size_t most) {
  if (name == ":authority") name = "Host";
  if (text_.size() + name.size() + value.size() + kFieldOverhead * (sizes_.size() + 1) > most) too_large_ = true;
  if (too_large_) return false;
  text_ += name;
  text_ += value;
  sizes_.emplace_back(name.size(), value.size());
  return true;
}

void RpcHead::finish() {
  finished_ = true;
  std::string_view left = text_;
  for (const auto& [name, value] : sizes_) {
    fields_.push_back({left.substr(0, name), left.substr(name, value)});
    left.remove_prefix(name + value);
  }
}

void RpcHead::clear() {
  text_.clear();
  sizes_.clear();
  fields_.clear();
  too_large_ = finished_ = false;
}

std::string_view RpcHead::find(std::string_view name) const {
  for (const auto& field : fields_) {
    if (field.name == name) return field.value;
  }
  return {};
}

void RpcStream::reset() {
  state = State::kOpening;
  head.clear();
  request = {};
  method = nullptr;
  deadline.reset();
  packing.reset();
  messages.clear();
  ended = gone = begun = false;
  recycle(message);
  last.reset();
  withheld = 0;
  recycle(out);
  out_sent = 0;
  status.reset();
}

}  // namespace millrace::net
