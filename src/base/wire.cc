#include "base/wire.h"

namespace millrace {
namespace {

enum WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };

constexpr std::uint64_t kMaxField = (1 << 29) - 1;
constexpr int kVarintBits = 64;

std::unexpected<Error> malformed() { return invalid_argument("not a protobuf message"); }

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

}  // namespace

Result<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < kVarintBits && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return malformed();
}

Result<bool> WireReader::next() {
  if (left_.empty()) return false;
  const std::string_view before = left_;
  const std::uint64_t tag = TRY(take_varint(left_));
  if (tag >> 3 == 0 || tag >> 3 > kMaxField) return malformed();
  field_ = static_cast<std::uint32_t>(tag >> 3);
  TRY(read_value(tag & 7));
  whole_ = before.substr(0, before.size() - left_.size());
  return true;
}

Result<void> WireReader::read_value(std::uint64_t type) {
  is_number_ = type != kLength;
  switch (type) {
    case kVarint:
      number_ = TRY(take_varint(left_));
      return {};
    case kFixed64:
      return fixed(8);
    case kFixed32:
      return fixed(4);
    case kLength:
      bytes_ = TRY(take(TRY(take_varint(left_))));
      return {};
    default:
      return malformed();
  }
}

Result<std::string_view> WireReader::bytes() const {
  if (is_number_) return malformed();
  return bytes_;
}

Result<std::uint64_t> WireReader::number() const {
  if (!is_number_) return malformed();
  return number_;
}

Result<std::string_view> WireReader::take(std::uint64_t count) {
  if (count > left_.size()) return malformed();
  const std::string_view taken = left_.substr(0, count);
  left_.remove_prefix(count);
  return taken;
}

// Least significant byte first.
Result<void> WireReader::fixed(std::size_t width) {
  const std::string_view taken = TRY(take(width));
  number_ = 0;
  for (std::size_t i = 0; i < width; ++i) {
    number_ |= static_cast<std::uint64_t>(static_cast<unsigned char>(taken[i])) << (8 * i);
  }
  return {};
}

void append_wire(std::string& message, std::uint32_t field, std::string_view bytes) {
  append_varint(message, std::uint64_t{field} << 3 | kLength);
  append_varint(message, bytes.size());
  message += bytes;
}

void append_wire_number(std::string& message, std::uint32_t field, std::uint64_t number) {
  append_varint(message, std::uint64_t{field} << 3 | kVarint);
  append_varint(message, number);
}

}  // namespace millrace
