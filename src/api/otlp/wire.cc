#include "api/otlp/wire.h"

namespace millrace::api::otlp {

namespace {

enum WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };

constexpr std::uint64_t kMaxField = (1 << 29) - 1;
constexpr int kVarintBits = 64;

std::unexpected<Error> malformed() { return invalid_argument("Invalid OpenTelemetry format: not a protobuf message"); }

}  // namespace

Result<bool> WireReader::next() {
  if (left_.empty()) return false;
  const std::uint64_t tag = TRY(varint());
  if (tag >> 3 == 0 || tag >> 3 > kMaxField) return malformed();
  field_ = static_cast<std::uint32_t>(tag >> 3);
  is_number_ = (tag & 7) != kLength;
  switch (tag & 7) {
    case kVarint:
      number_ = TRY(varint());
      return true;
    case kFixed64:
      TRY(fixed(8));
      return true;
    case kFixed32:
      TRY(fixed(4));
      return true;
    case kLength:
      bytes_ = TRY(take(TRY(varint())));
      return true;
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

Result<std::uint64_t> WireReader::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < kVarintBits && !left_.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(left_.front());
    left_.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return malformed();
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

}  // namespace millrace::api::otlp
