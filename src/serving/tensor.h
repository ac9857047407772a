#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace::serving {

// The Open Inference Protocol's datatypes, and Triton's BF16.
enum class Datatype : std::uint8_t {
  kBool,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFp16,
  kBf16,
  kFp32,
  kFp64,
  kBytes
};

std::string_view to_text(Datatype datatype);  // "FP32"
bool from_text(std::string_view text, Datatype& datatype);
// Bytes of an element; 0 for BYTES.
std::size_t width_of(Datatype datatype);
bool is_floating(Datatype datatype);

// An extent that a request decides.
inline constexpr std::int64_t kAny = -1;

// What a model takes or answers under a name. The first extent is the number of rows where it is kAny.
struct TensorSpec {
  std::string name;
  Datatype datatype = Datatype::kFp64;
  std::vector<std::int64_t> shape = {kAny};
  bool optional = false;  // a request may leave it out
  // What the elements of the last extent are of, where the model says it: a classifier's classes.
  std::vector<std::string> labels = {};
  bool operator==(const TensorSpec&) const = default;
};

// A tensor of somebody else's. Elements are row-major; numbers are little-endian and need not be aligned; a BOOL is one
// byte, 0 or 1.
struct TensorView {
  std::string_view name;
  Datatype datatype = Datatype::kFp64;
  std::span<const std::int64_t> shape;
  std::span<const std::byte> data;          // of all datatypes but BYTES
  std::span<const std::string_view> texts;  // of BYTES: its elements
};

// A tensor with its elements.
struct Tensor {
  std::string name;
  Datatype datatype = Datatype::kFp64;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> data;     // as in TensorView
  std::vector<std::string> texts;  // of BYTES
};

// A view of it; `texts` keeps what the view of a BYTES tensor shows.
TensorView view_of(const Tensor& tensor, std::vector<std::string_view>& texts);

// How many elements the shape has. kInvalidArgument for negative extents, and for more than kMostElements.
inline constexpr std::int64_t kMostElements = std::int64_t{1} << 28;
Result<std::size_t> elements_of(std::span<const std::int64_t> shape);

// Whether the shape is one of those that the spec allows.
bool fits(std::span<const std::int64_t> shape, const TensorSpec& spec);
// "[-1,3]"
std::string shape_text(std::span<const std::int64_t> shape);

// The element at an index, which must be there; T is the datatype's own type.
template <typename T>
T element(std::span<const std::byte> data, std::size_t index) {
  T value;
  std::memcpy(&value, data.data() + index * sizeof(T), sizeof(T));
  return value;
}

// The elements from the first on, or one, as numbers: the nearest double. Not for BYTES.
void numbers_of(const TensorView& tensor, std::span<double> out);
double number_at(const TensorView& tensor, std::size_t index);

// Room for as many elements as the shape has.
Tensor make_tensor(std::string name, Datatype datatype, std::vector<std::int64_t> shape);
// The elements of a tensor that is not BYTES, as T.
template <typename T>
std::span<T> elements(Tensor& tensor) {
  return {reinterpret_cast<T*>(tensor.data.data()), tensor.data.size() / sizeof(T)};
}

}  // namespace millrace::serving
