#include "serving/convert.h"

#include <bit>
#include <limits>
#include <utility>

namespace millrace::serving {
namespace {

std::uint16_t half_bits(double value) { return std::bit_cast<std::uint16_t>(static_cast<_Float16>(value)); }

// Rounded to the nearest, ties to even; a NaN stays one.
std::uint16_t brain_bits(double value) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  if (value != value) return static_cast<std::uint16_t>((bits >> 16) | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

template <typename T>
void put(std::vector<std::byte>& out, std::size_t index, T value) {
  std::memcpy(out.data() + index * sizeof(T), &value, sizeof(T));
}

Error unfit(const TensorView& tensor, Datatype wanted) {
  return invalid_argument("input \"{}\" has datatype {}; it must be {}", tensor.name, to_text(tensor.datatype),
                          to_text(wanted))
      .error();
}

template <typename T>
Result<void> to_integers(const TensorView& tensor, Datatype wanted, std::vector<std::byte>& out) {
  const bool wraps = tensor.datatype == Datatype::kUint64;
  for (std::size_t i = 0; i < out.size() / sizeof(T); ++i) {
    const std::int64_t value = integer_at(tensor, i);
    const bool fits = wraps ? std::in_range<T>(static_cast<std::uint64_t>(value)) : std::in_range<T>(value);
    if (!fits) return invalid_argument("input \"{}\" has a value that is no {}", tensor.name, to_text(wanted));
    put(out, i, static_cast<T>(value));
  }
  return {};
}

void to_floating(const TensorView& tensor, Datatype wanted, std::vector<std::byte>& out) {
  const std::size_t count = out.size() / width_of(wanted);
  for (std::size_t i = 0; i < count; ++i) {
    const double value = number_at(tensor, i);
    if (wanted == Datatype::kFp32) put(out, i, static_cast<float>(value));
    if (wanted == Datatype::kFp64) put(out, i, value);
    if (wanted == Datatype::kFp16) put(out, i, half_bits(value));
    if (wanted == Datatype::kBf16) put(out, i, brain_bits(value));
  }
}

Result<void> to_integer_datatype(const TensorView& tensor, Datatype wanted, std::vector<std::byte>& out) {
  switch (wanted) {
    case Datatype::kUint8:
      return to_integers<std::uint8_t>(tensor, wanted, out);
    case Datatype::kUint16:
      return to_integers<std::uint16_t>(tensor, wanted, out);
    case Datatype::kUint32:
      return to_integers<std::uint32_t>(tensor, wanted, out);
    case Datatype::kUint64:
      return to_integers<std::uint64_t>(tensor, wanted, out);
    case Datatype::kInt8:
      return to_integers<std::int8_t>(tensor, wanted, out);
    case Datatype::kInt16:
      return to_integers<std::int16_t>(tensor, wanted, out);
    case Datatype::kInt32:
      return to_integers<std::int32_t>(tensor, wanted, out);
    case Datatype::kInt64:
      return to_integers<std::int64_t>(tensor, wanted, out);
    default:
      return std::unexpected(unfit(tensor, wanted));
  }
}

}  // namespace

bool is_integer(Datatype datatype) { return datatype <= Datatype::kInt64; }

std::int64_t integer_at(const TensorView& tensor, std::size_t index) {
  switch (tensor.datatype) {
    case Datatype::kBool:
    case Datatype::kUint8:
      return element<std::uint8_t>(tensor.data, index);
    case Datatype::kUint16:
      return element<std::uint16_t>(tensor.data, index);
    case Datatype::kUint32:
      return element<std::uint32_t>(tensor.data, index);
    case Datatype::kInt8:
      return element<std::int8_t>(tensor.data, index);
    case Datatype::kInt16:
      return element<std::int16_t>(tensor.data, index);
    case Datatype::kInt32:
      return element<std::int32_t>(tensor.data, index);
    default:
      return element<std::int64_t>(tensor.data, index);
  }
}

Result<std::vector<std::byte>> convert_elements(const TensorView& tensor, Datatype wanted) {
  const bool numbers = tensor.datatype != Datatype::kBytes && wanted != Datatype::kBytes && wanted != Datatype::kBool;
  if (!numbers) return std::unexpected(unfit(tensor, wanted));
  std::vector<std::byte> out(tensor.data.size() / width_of(tensor.datatype) * width_of(wanted));
  if (is_floating(wanted)) {
    to_floating(tensor, wanted, out);
    return out;
  }
  if (!is_integer(tensor.datatype)) return std::unexpected(unfit(tensor, wanted));
  TRY(to_integer_datatype(tensor, wanted, out));
  return out;
}

}  // namespace millrace::serving
