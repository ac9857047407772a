#include "api/grpc/tensor_contents.h"

#include <bit>
#include <cstring>
#include <utility>

#include "base/wire.h"

namespace millrace::api::grpc {
namespace {

using serving::Datatype;
using serving::Tensor;
using serving::TensorView;

constexpr std::size_t kLengthBytes = 4;

// The numbers of the lists in InferTensorContents.
enum List : std::uint32_t {
  kNone = 0,
  kBool = 1,
  kInt = 2,
  kInt64 = 3,
  kUint = 4,
  kUint64 = 5,
  kFp32 = 6,
  kFp64 = 7,
  kTexts = 8,
};

List list_of(Datatype datatype) {
  switch (datatype) {
    case Datatype::kBool:
      return kBool;
    case Datatype::kInt8:
    case Datatype::kInt16:
    case Datatype::kInt32:
      return kInt;
    case Datatype::kInt64:
      return kInt64;
    case Datatype::kUint8:
    case Datatype::kUint16:
    case Datatype::kUint32:
      return kUint;
    case Datatype::kUint64:
      return kUint64;
    case Datatype::kFp32:
      return kFp32;
    case Datatype::kFp64:
      return kFp64;
    case Datatype::kBytes:
      return kTexts;
    case Datatype::kFp16:
    case Datatype::kBf16:
      return kNone;
  }
  return kNone;
}

std::unexpected<Error> wrong_count(const TensorView& tensor, std::size_t found, std::size_t count) {
  return invalid_argument("input \"{}\" has {} values, but its shape {} has {}", tensor.name, found,
                          serving::shape_text(tensor.shape), count);
}

// Calls `take` with the bits of each number of a list's field, which is one number or several packed.
template <typename Take>
Result<void> each_varint(const WireReader& in, const Take& take) {
  if (in.is_number()) return take(TRY(in.number()));
  for (auto packed = TRY(in.bytes()); !packed.empty();) TRY(take(TRY(take_varint(packed))));
  return {};
}

std::string_view view_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

// Reads the list of one tensor out of its contents, field by field.
class ContentsReader {
 public:
  ContentsReader(std::size_t count, TensorElements room, TensorView& tensor)
      : count_(count), room_(room), tensor_(tensor) {
    room_.bytes.clear();
    room_.texts.clear();
  }

  Result<void> read(std::string_view contents) {
    const List list = list_of(tensor_.datatype);
    if (list == kNone) {
      return invalid_argument("input \"{}\": {} has no typed contents; send it raw", tensor_.name,
                              to_text(tensor_.datatype));
    }
    WireReader in(contents);
    while (TRY(in.next())) {
      if (in.field() != list) return wrong_list(in.field());
      TRY(read_field(in));
    }
    return finish();
  }

 private:
  Result<void> wrong_list(std::uint32_t field) const {
    return invalid_argument("input \"{}\" is of {}, but its contents are in list {} and not in {}", tensor_.name,
                            to_text(tensor_.datatype), field, static_cast<std::uint32_t>(list_of(tensor_.datatype)));
  }

  Result<void> read_field(const WireReader& in) {
    switch (tensor_.datatype) {
      case Datatype::kBool:
        return read_integers<bool>(in);
      case Datatype::kUint8:
        return read_integers<std::uint8_t>(in);
      case Datatype::kUint16:
        return read_integers<std::uint16_t>(in);
      case Datatype::kUint32:
        return read_integers<std::uint32_t>(in);
      case Datatype::kUint64:
        return read_integers<std::uint64_t>(in);
      case Datatype::kInt8:
        return read_integers<std::int8_t>(in);
      case Datatype::kInt16:
        return read_integers<std::int16_t>(in);
      case Datatype::kInt32:
        return read_integers<std::int32_t>(in);
      case Datatype::kInt64:
        return read_integers<std::int64_t>(in);
      case Datatype::kBytes:
        room_.texts.push_back(TRY(in.bytes()));
        return room_.texts.size() > count_ ? too_many() : Result<void>{};
      default:
        return read_floats(in);
    }
  }

  template <typename T>
  Result<void> read_integers(const WireReader& in) {
    return each_varint(in, [&](std::uint64_t bits) -> Result<void> {
      if (room_.bytes.size() >= count_ * sizeof(T)) return too_many();
      T number{};
      if constexpr (std::is_same_v<T, bool>) {
        number = bits != 0;
      } else if constexpr (std::is_signed_v<T>) {
        if (!std::in_range<T>(static_cast<std::int64_t>(bits))) return out_of_range();
        number = static_cast<T>(bits);
      } else {
        if (!std::in_range<T>(bits)) return out_of_range();
        number = static_cast<T>(bits);
      }
      append(std::as_bytes(std::span(&number, 1)));
      return {};
    });
  }

  // Packed they are as memory holds them: one packed list, which is what everybody sends, is viewed.
  Result<void> read_floats(const WireReader& in) {
    const auto width = serving::width_of(tensor_.datatype);
    if (in.is_number()) {
      const auto bits = TRY(in.number());
      append(std::as_bytes(std::span(&bits, 1)).first(width));
    } else {
      flush_view();
      viewed_ = TRY(in.bytes());
      if (viewed_.size() % width != 0) return invalid_argument("input \"{}\" has half a value", tensor_.name);
    }
    return room_.bytes.size() + viewed_.size() > count_ * width ? too_many() : Result<void>{};
  }

  void append(std::span<const std::byte> bytes) {
    flush_view();
    room_.bytes.insert(room_.bytes.end(), bytes.begin(), bytes.end());
  }
  void flush_view() {
    const auto bytes = bytes_of(std::exchange(viewed_, {}));
    room_.bytes.insert(room_.bytes.end(), bytes.begin(), bytes.end());
  }

  Result<void> finish() {
    if (tensor_.datatype == Datatype::kBytes) {
      tensor_.texts = room_.texts;
      return room_.texts.size() == count_ ? Result<void>{} : wrong_count(tensor_, room_.texts.size(), count_);
    }
    if (!viewed_.empty() && !room_.bytes.empty()) flush_view();
    tensor_.data = viewed_.empty() ? std::span<const std::byte>(room_.bytes) : bytes_of(viewed_);
    const auto found = tensor_.data.size() / serving::width_of(tensor_.datatype);
    return found == count_ ? Result<void>{} : wrong_count(tensor_, found, count_);
  }

  Result<void> too_many() const {
    return invalid_argument("input \"{}\" has more values than its shape {}", tensor_.name,
                            serving::shape_text(tensor_.shape));
  }
  Result<void> out_of_range() const {
    return invalid_argument("input \"{}\" has a value that is not {}", tensor_.name, to_text(tensor_.datatype));
  }

  std::size_t count_;
  TensorElements room_;
  TensorView& tensor_;
  std::string_view viewed_;
};

Result<void> read_raw_texts(std::string_view raw, std::size_t count, TensorElements room, TensorView& tensor) {
  room.texts.clear();
  while (!raw.empty()) {
    if (raw.size() < kLengthBytes) return invalid_argument("input \"{}\": its bytes end within a length", tensor.name);
    std::uint32_t length = 0;
    std::memcpy(&length, raw.data(), kLengthBytes);
    raw.remove_prefix(kLengthBytes);
    if (length > raw.size()) {
      return invalid_argument("input \"{}\": an element of {} bytes goes past the end of its {} bytes", tensor.name,
                              length, raw.size());
    }
    if (room.texts.size() == count) return wrong_count(tensor, count + 1, count);
    room.texts.push_back(raw.substr(0, length));
    raw.remove_prefix(length);
  }
  tensor.texts = room.texts;
  return room.texts.size() == count ? Result<void>{} : wrong_count(tensor, room.texts.size(), count);
}

void append_varint_of(std::string& out, std::uint64_t bits) {
  for (; bits >= 0x80; bits >>= 7) out.push_back(static_cast<char>(bits | 0x80));
  out.push_back(static_cast<char>(bits));
}

// Packed varints: negative numbers as their 64 bits.
template <typename T>
std::string packed_integers(const Tensor& tensor) {
  std::string packed;
  for (std::size_t i = 0; i < tensor.data.size() / sizeof(T); ++i) {
    append_varint_of(packed, static_cast<std::uint64_t>(serving::element<T>(tensor.data, i)));
  }
  return packed;
}

std::string packed_numbers(const Tensor& tensor) {
  switch (tensor.datatype) {
    case Datatype::kUint16:
      return packed_integers<std::uint16_t>(tensor);
    case Datatype::kUint32:
      return packed_integers<std::uint32_t>(tensor);
    case Datatype::kUint8:
      return packed_integers<std::uint8_t>(tensor);
    case Datatype::kUint64:
      return packed_integers<std::uint64_t>(tensor);
    case Datatype::kInt8:
      return packed_integers<std::int8_t>(tensor);
    case Datatype::kInt16:
      return packed_integers<std::int16_t>(tensor);
    case Datatype::kInt32:
      return packed_integers<std::int32_t>(tensor);
    case Datatype::kInt64:
      return packed_integers<std::int64_t>(tensor);
    default:  // booleans are a byte each, and floating point is as memory holds it
      return std::string(view_of(tensor.data));
  }
}

}  // namespace

Result<void> read_raw(std::string_view raw, std::size_t count, TensorElements room, TensorView& tensor) {
  if (tensor.datatype == Datatype::kBytes) return read_raw_texts(raw, count, room, tensor);
  const auto expected = count * serving::width_of(tensor.datatype);
  if (raw.size() != expected) {
    return invalid_argument("input \"{}\" has {} raw bytes; {} of shape {} has {}", tensor.name, raw.size(),
                            to_text(tensor.datatype), serving::shape_text(tensor.shape), expected);
  }
  tensor.data = bytes_of(raw);
  return {};
}

Result<void> read_contents(std::string_view contents, std::size_t count, TensorElements room, TensorView& tensor) {
  return ContentsReader(count, room, tensor).read(contents);
}

bool has_contents(Datatype datatype) { return list_of(datatype) != kNone; }

std::string contents_of(const Tensor& tensor) {
  std::string contents;
  const List list = list_of(tensor.datatype);
  if (list != kTexts) append_wire(contents, list, packed_numbers(tensor));
  for (const auto& text : tensor.texts) append_wire(contents, list, text);
  return contents;
}

std::string raw_of(const Tensor& tensor) {
  if (tensor.datatype != Datatype::kBytes) return std::string(view_of(tensor.data));
  std::string raw;
  for (const auto& text : tensor.texts) {
    const auto length = static_cast<std::uint32_t>(text.size());
    raw.append(reinterpret_cast<const char*>(&length), kLengthBytes);
    raw += text;
  }
  return raw;
}

}  // namespace millrace::api::grpc
