#include "serving/tensor.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace millrace::serving {
namespace {

struct DatatypeName {
  std::string_view name;
  std::size_t width;
};
constexpr std::array<DatatypeName, 14> kDatatypes{{{"BOOL", 1},
                                                   {"UINT8", 1},
                                                   {"UINT16", 2},
                                                   {"UINT32", 4},
                                                   {"UINT64", 8},
                                                   {"INT8", 1},
                                                   {"INT16", 2},
                                                   {"INT32", 4},
                                                   {"INT64", 8},
                                                   {"FP16", 2},
                                                   {"BF16", 2},
                                                   {"FP32", 4},
                                                   {"FP64", 8},
                                                   {"BYTES", 0}}};
static_assert(std::endian::native == std::endian::little, "tensors are little-endian on the wire and in memory");

double widen_half(std::uint16_t bits) {
  _Float16 value;
  std::memcpy(&value, &bits, sizeof(value));
  return static_cast<double>(value);
}

double widen_brain(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

template <typename T>
void widen(std::span<const std::byte> data, std::span<double> out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(element<T>(data, i));
}

}  // namespace

std::string_view to_text(Datatype datatype) { return kDatatypes[static_cast<std::size_t>(datatype)].name; }

bool from_text(std::string_view text, Datatype& datatype) {
  const auto found = std::ranges::find(kDatatypes, text, &DatatypeName::name);
  if (found == kDatatypes.end()) return false;
  datatype = static_cast<Datatype>(found - kDatatypes.begin());
  return true;
}

std::size_t width_of(Datatype datatype) { return kDatatypes[static_cast<std::size_t>(datatype)].width; }

bool is_floating(Datatype datatype) { return datatype >= Datatype::kFp16 && datatype <= Datatype::kFp64; }

Result<std::size_t> elements_of(std::span<const std::int64_t> shape) {
  std::int64_t product = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0) return invalid_argument("a shape has the negative extent {}", extent);
    if (__builtin_mul_overflow(product, extent, &product) || product > kMostElements) {
      return invalid_argument("a shape has more than {} elements", kMostElements);
    }
  }
  return static_cast<std::size_t>(product);
}

bool fits(std::span<const std::int64_t> shape, const TensorSpec& spec) {
  return std::ranges::equal(
      shape, spec.shape, [](std::int64_t extent, std::int64_t wanted) { return wanted == kAny || extent == wanted; });
}

std::string shape_text(std::span<const std::int64_t> shape) { return fmt::format("[{}]", fmt::join(shape, ",")); }

void numbers_of(const TensorView& tensor, std::span<double> out) {
  switch (tensor.datatype) {
    case Datatype::kBool:
    case Datatype::kUint8:
      return widen<std::uint8_t>(tensor.data, out);
    case Datatype::kUint16:
      return widen<std::uint16_t>(tensor.data, out);
    case Datatype::kUint32:
      return widen<std::uint32_t>(tensor.data, out);
    case Datatype::kUint64:
      return widen<std::uint64_t>(tensor.data, out);
    case Datatype::kInt8:
      return widen<std::int8_t>(tensor.data, out);
    case Datatype::kInt16:
      return widen<std::int16_t>(tensor.data, out);
    case Datatype::kInt32:
      return widen<std::int32_t>(tensor.data, out);
    case Datatype::kInt64:
      return widen<std::int64_t>(tensor.data, out);
    case Datatype::kFp32:
      return widen<float>(tensor.data, out);
    case Datatype::kFp64:
      return widen<double>(tensor.data, out);
    case Datatype::kFp16:
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = widen_half(element<std::uint16_t>(tensor.data, i));
      return;
    case Datatype::kBf16:
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = widen_brain(element<std::uint16_t>(tensor.data, i));
      return;
    case Datatype::kBytes:
      return;
  }
}

double number_at(const TensorView& tensor, std::size_t index) {
  TensorView one = tensor;
  one.data = tensor.data.subspan(index * width_of(tensor.datatype));
  double value = 0;
  numbers_of(one, {&value, 1});
  return value;
}

Tensor make_tensor(std::string name, Datatype datatype, std::vector<std::int64_t> shape) {
  Tensor tensor{.name = std::move(name), .datatype = datatype, .shape = std::move(shape), .data = {}, .texts = {}};
  std::size_t count = 1;
  for (const std::int64_t extent : tensor.shape) count *= static_cast<std::size_t>(extent);
  if (datatype == Datatype::kBytes) tensor.texts.resize(count);
  tensor.data.resize(count * width_of(datatype));
  return tensor;
}

TensorView view_of(const Tensor& tensor, std::vector<std::string_view>& texts) {
  texts.assign(tensor.texts.begin(), tensor.texts.end());
  return {.name = tensor.name, .datatype = tensor.datatype, .shape = tensor.shape, .data = tensor.data, .texts = texts};
}

}  // namespace millrace::serving
