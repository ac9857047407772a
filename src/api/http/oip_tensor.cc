#include "api/http/oip_tensor.h"

#include <limits>
#include <type_traits>
#include <utility>

namespace millrace::api {
namespace {

namespace dom = simdjson::dom;
using serving::Datatype;
using simdjson::SUCCESS;

constexpr int kDeepest = 8;

// Calls `take` for every scalar of nested lists, row-major.
template <typename Take>
Result<void> flatten(dom::element data, const Take& take, int depth = 0) {
  dom::array array;
  if (data.get(array) != SUCCESS) return take(data);
  if (depth >= kDeepest) return invalid_argument("data are nested deeper than {} levels", kDeepest);
  for (auto element : array) TRY(flatten(element, take, depth + 1));
  return {};
}

// JSON has no infinities: they are strings.
bool read_infinity(dom::element value, double& out) {
  std::string_view text;
  if (value.get(text) != SUCCESS || (text != "Infinity" && text != "-Infinity")) return false;
  out = (text.front() == '-' ? -1 : 1) * std::numeric_limits<double>::infinity();
  return true;
}

template <typename T>
bool read_floating(dom::element value, T& out) {
  double number = std::numeric_limits<double>::quiet_NaN();
  if (!value.is_null() && value.get(number) != SUCCESS && !read_infinity(value, number)) return false;
  out = static_cast<T>(number);
  return true;
}

template <typename T>
bool read_integer(dom::element value, T& out) {
  std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t> number = 0;
  if (value.get(number) != SUCCESS || !std::in_range<T>(number)) return false;
  out = static_cast<T>(number);
  return true;
}

template <typename T>
bool read_scalar(dom::element value, T& out) {
  if constexpr (std::is_same_v<T, bool>) {
    return value.get(out) == SUCCESS;
  } else if constexpr (std::is_floating_point_v<T>) {
    return read_floating(value, out);
  } else {
    return read_integer(value, out);
  }
}

// Reads the elements of one tensor.
class Elements {
 public:
  Elements(const serving::TensorView& tensor, std::size_t count, TensorRoom& room)
      : tensor_(tensor), count_(count), room_(room) {}

  Result<void> read(dom::element data) {
    switch (tensor_.datatype) {
      case Datatype::kBool:
        return read_numbers<bool>(data);
      case Datatype::kUint8:
        return read_numbers<std::uint8_t>(data);
      case Datatype::kUint16:
        return read_numbers<std::uint16_t>(data);
      case Datatype::kUint32:
        return read_numbers<std::uint32_t>(data);
      case Datatype::kUint64:
        return read_numbers<std::uint64_t>(data);
      case Datatype::kInt8:
        return read_numbers<std::int8_t>(data);
      case Datatype::kInt16:
        return read_numbers<std::int16_t>(data);
      case Datatype::kInt32:
        return read_numbers<std::int32_t>(data);
      case Datatype::kInt64:
        return read_numbers<std::int64_t>(data);
      case Datatype::kFp32:
        return read_numbers<float>(data);
      case Datatype::kFp64:
        return read_numbers<double>(data);
      case Datatype::kBytes:
        return read_texts(data);
      case Datatype::kFp16:
      case Datatype::kBf16:
        return invalid_argument("input \"{}\": {} has no JSON; send it as binary data", tensor_.name,
                                to_text(tensor_.datatype));
    }
    return {};
  }

 private:
  template <typename T>
  Result<void> read_numbers(dom::element data) {
    room_.bytes.resize(count_ * sizeof(T));
    TRY(flatten(data, [&](dom::element value) -> Result<void> {
      T number{};
      if (!read_scalar(value, number)) return wrong();
      if (found_ == count_) return too_many();
      std::memcpy(room_.bytes.data() + found_++ * sizeof(T), &number, sizeof(T));
      return {};
    }));
    return check_count();
  }

  Result<void> read_texts(dom::element data) {
    room_.texts.clear();
    TRY(flatten(data, [&](dom::element value) -> Result<void> {
      std::string_view text;
      if (value.get(text) != SUCCESS) return wrong();
      if (found_++ == count_) return too_many();
      room_.texts.push_back(text);
      return {};
    }));
    return check_count();
  }

  Result<void> wrong() const {
    return invalid_argument("input \"{}\" has a value that is not {}", tensor_.name, to_text(tensor_.datatype));
  }
  Result<void> too_many() const {
    return invalid_argument("input \"{}\" has more values than its shape", tensor_.name);
  }
  Result<void> check_count() const {
    if (found_ == count_) return {};
    return invalid_argument("input \"{}\" has {} values, but its shape has {}", tensor_.name, found_, count_);
  }

  const serving::TensorView& tensor_;
  std::size_t count_;
  TensorRoom& room_;
  std::size_t found_ = 0;
};

Result<void> read_shape(dom::element element, std::string_view name, std::vector<std::int64_t>& shape) {
  dom::array extents;
  if (element["shape"].get(extents) != SUCCESS)
    return invalid_argument("input \"{}\" needs \"shape\", a list of whole numbers", name);
  shape.clear();
  for (auto extent : extents) {
    std::int64_t value = 0;
    if (extent.get(value) != SUCCESS)
      return invalid_argument("input \"{}\": \"shape\" must be a list of whole numbers", name);
    shape.push_back(value);
  }
  return {};
}

Result<void> needs_data(std::string_view name) {
  return invalid_argument("input \"{}\" needs \"data\", a list, or binary data", name);
}

// Without data in the JSON: {"parameters": {"binary_data_size": 8}}.
Result<void> read_binary(dom::element element, std::size_t count, BinaryPart& binary, TensorRoom& room,
                         serving::TensorView& tensor) {
  dom::element parameters;
  if (element["parameters"].get(parameters) != SUCCESS) return needs_data(tensor.name);
  if (parameters["shared_memory_region"].error() == SUCCESS)
    return fail(Code::kUnimplemented, "input \"{}\": shared memory is not supported", tensor.name);
  std::int64_t size = 0;
  if (auto error = parameters["binary_data_size"].get(size); error == simdjson::NO_SUCH_FIELD)
    return needs_data(tensor.name);
  else if (error != SUCCESS)
    return invalid_argument("input \"{}\": \"binary_data_size\" must be a whole number", tensor.name);
  return view_bytes(TRY(binary.take(tensor.name, size)), count, room.texts, tensor);
}

}  // namespace

Result<std::string_view> text_member(dom::element object, std::string_view key, std::string_view what) {
  std::string_view text;
  if (object[key].get(text) != SUCCESS) return invalid_argument("{} needs \"{}\", a string", what, key);
  return text;
}

Result<void> read_tensor(dom::element element, std::size_t most, BinaryPart& binary, TensorRoom& room,
                         serving::TensorView& tensor) {
  if (!element.is_object()) return invalid_argument("each of \"inputs\" must be an object");
  tensor.name = TRY(text_member(element, "name", "an input"));
  const auto datatype = TRY(text_member(element, "datatype", "an input"));
  if (!serving::from_text(datatype, tensor.datatype))
    return invalid_argument("input \"{}\" has the unknown datatype \"{}\"", tensor.name, datatype);
  TRY(read_shape(element, tensor.name, room.shape));
  tensor.shape = room.shape;
  const std::size_t count = TRY(serving::elements_of(room.shape));
  dom::element data;
  if (element["data"].get(data) != SUCCESS) return read_binary(element, count, binary, room, tensor);
  if (!data.is_array()) return needs_data(tensor.name);
  if (count > most) return invalid_argument("input \"{}\" has fewer values than its shape", tensor.name);
  TRY(Elements(tensor, count, room).read(data));
  tensor.data = room.bytes;
  tensor.texts = room.texts;
  if (tensor.datatype == Datatype::kBytes) tensor.data = {};
  return {};
}

}  // namespace millrace::api
