#include "api/scoring/cast.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "base/base64.h"
#include "base/python_json.h"
#include "base/time.h"
#include "serving/convert.h"

namespace millrace::api::scoring {

namespace {

using serving::Datatype;
using serving::Tensor;
using Kind = Cell::Kind;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// Python's number without the blanks around and the underscores within; empty for one that is none.
std::string digits_of(std::string_view text) {
  constexpr std::string_view kBlank = " \t\n\r\f\v";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  text = text.substr(first, text.find_last_not_of(kBlank) - first + 1);
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.starts_with('+') || (text.starts_with('-') && text.substr(1).starts_with('+'))) return {};
  std::string digits;
  const auto is_digit = [&](std::size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '_') digits += text[at];
    if (text[at] == '_' && (at == 0 || !is_digit(at - 1) || !is_digit(at + 1))) return {};
  }
  return digits;
}

Error not_a(const InputSpec& spec, std::string_view what, const Cell& cell) {
  const std::string quoted = cell.kind == Kind::kText ? fmt::format(" \"{}\"", cell.text.substr(0, 64)) : "";
  const std::string input = spec.name.empty() ? "the input" : fmt::format("input \"{}\"", spec.name);
  return invalid_argument("{} has a value{} that is not {}", input, quoted, what).error();
}

Result<double> number_of(const Cell& cell, const InputSpec& spec) {
  double number = kMissing;
  switch (cell.kind) {
    case Kind::kNull:
      return kMissing;
    case Kind::kBoolean:
    case Kind::kInteger:
      return static_cast<double>(cell.integer);
    case Kind::kLarge:
    case Kind::kNumber:
      return cell.number;
    case Kind::kText:
      if (parse_python_float(cell.text, number)) return number;
      break;
    case Kind::kBytes:
    case Kind::kOther:
      break;
  }
  return std::unexpected(not_a(spec, "a number", cell));
}

Result<std::int64_t> integer_of(const Cell& cell, const InputSpec& spec) {
  std::int64_t integer = 0;
  if (cell.kind == Kind::kBoolean || cell.kind == Kind::kInteger) return cell.integer;
  if (cell.kind == Kind::kText && parse_python_int(cell.text, integer)) return integer;
  if (cell.kind == Kind::kNumber && std::abs(cell.number) < 0x1p63) return static_cast<std::int64_t>(cell.number);
  return std::unexpected(not_a(spec, "a whole number", cell));
}

Result<bool> truth_of(const Cell& cell, const InputSpec& spec) {
  switch (cell.kind) {
    case Kind::kNull:
      return false;
    case Kind::kBoolean:
    case Kind::kInteger:
      return cell.integer != 0;
    case Kind::kLarge:
    case Kind::kNumber:
      return cell.number != 0;
    case Kind::kText:
      return !cell.text.empty();
    case Kind::kBytes:
    case Kind::kOther:
      break;
  }
  return std::unexpected(not_a(spec, "a boolean", cell));
}

template <typename T>
void put(Tensor& tensor, std::size_t at, T value) {
  std::memcpy(tensor.data.data() + at * sizeof(T), &value, sizeof(T));
}

template <typename T>
Result<void> put_integers(const Array& array, const InputSpec& spec, Tensor& tensor) {
  for (std::size_t i = 0; i < array.cells.size(); ++i) {
    const std::int64_t value = TRY(integer_of(array.cells[i], spec));
    if (!std::in_range<T>(value)) return std::unexpected(not_a(spec, to_text(spec.datatype), array.cells[i]));
    put(tensor, i, static_cast<T>(value));
  }
  return {};
}

template <typename T>
Result<void> put_numbers(const Array& array, const InputSpec& spec, Tensor& tensor) {
  for (std::size_t i = 0; i < array.cells.size(); ++i) {
    put(tensor, i, static_cast<T>(TRY(number_of(array.cells[i], spec))));
  }
  return {};
}

Result<void> put_booleans(const Array& array, const InputSpec& spec, Tensor& tensor) {
  for (std::size_t i = 0; i < array.cells.size(); ++i) {
    put(tensor, i, static_cast<std::uint8_t>(TRY(truth_of(array.cells[i], spec))));
  }
  return {};
}

std::string python_text(const Cell& cell) {
  if (cell.kind == Kind::kBoolean) return cell.integer != 0 ? "True" : "False";
  if (cell.kind == Kind::kInteger) return std::to_string(cell.integer);
  std::string text;
  append_python_number(text, cell.number);
  return text;
}

// A number in a column of texts is its text, as Python writes it.
Result<std::string> text_of(const Cell& cell, const InputSpec& spec) {
  switch (cell.kind) {
    case Kind::kText:
    case Kind::kBytes:
      break;
    case Kind::kBoolean:
    case Kind::kInteger:
    case Kind::kNumber:
      if (!spec.base64 && !spec.time) return python_text(cell);
      [[fallthrough]];
    case Kind::kNull:
    case Kind::kLarge:
    case Kind::kOther:
      return std::unexpected(not_a(spec, spec.time ? "a time like 2001-03-01T06:00:00" : "a string", cell));
  }
  if (spec.time && !parse_time(cell.text)) return std::unexpected(not_a(spec, "a time like 2001-03-01T06:00:00", cell));
  if (!spec.base64 || cell.kind == Kind::kBytes) return std::string(cell.text);
  auto bytes = base64_decode(cell.text);
  if (!bytes) return std::unexpected(not_a(spec, "base64", cell));
  return std::move(*bytes);
}

Result<void> put_texts(const Array& array, const InputSpec& spec, Tensor& tensor) {
  for (std::size_t i = 0; i < array.cells.size(); ++i) tensor.texts[i] = TRY(text_of(array.cells[i], spec));
  return {};
}

// By way of doubles, which hold them all.
Result<void> put_short_floats(const Array& array, const InputSpec& spec, Tensor& tensor) {
  Tensor wide = serving::make_tensor(spec.name, Datatype::kFp64, array.shape);
  TRY(put_numbers<double>(array, spec, wide));
  std::vector<std::string_view> no_texts;
  tensor.data = TRY(serving::convert_elements(serving::view_of(wide, no_texts), spec.datatype));
  return {};
}

Result<void> put_elements(const Array& array, const InputSpec& spec, Tensor& tensor) {
  switch (spec.datatype) {
    case Datatype::kBool:
      return put_booleans(array, spec, tensor);
    case Datatype::kUint8:
      return put_integers<std::uint8_t>(array, spec, tensor);
    case Datatype::kUint16:
      return put_integers<std::uint16_t>(array, spec, tensor);
    case Datatype::kUint32:
      return put_integers<std::uint32_t>(array, spec, tensor);
    case Datatype::kUint64:
      return put_integers<std::uint64_t>(array, spec, tensor);
    case Datatype::kInt8:
      return put_integers<std::int8_t>(array, spec, tensor);
    case Datatype::kInt16:
      return put_integers<std::int16_t>(array, spec, tensor);
    case Datatype::kInt32:
      return put_integers<std::int32_t>(array, spec, tensor);
    case Datatype::kInt64:
      return put_integers<std::int64_t>(array, spec, tensor);
    case Datatype::kFp16:
    case Datatype::kBf16:
      return put_short_floats(array, spec, tensor);
    case Datatype::kFp32:
      return put_numbers<float>(array, spec, tensor);
    case Datatype::kFp64:
      return put_numbers<double>(array, spec, tensor);
    case Datatype::kBytes:
      return put_texts(array, spec, tensor);
  }
  return {};
}

bool is_infinity(const Cell& cell) { return cell.text == "Infinity" || cell.text == "-Infinity"; }

// A text that a bare Infinity became is a number among numbers.
Datatype fitting(const Array& array) {
  bool booleans = true, integers = true, numbers = true;
  for (const Cell& cell : array.cells) {
    const bool number = cell.kind == Kind::kNumber || cell.kind == Kind::kLarge || cell.kind == Kind::kNull ||
                        (cell.kind == Kind::kText && is_infinity(cell));
    booleans &= cell.kind == Kind::kBoolean;
    integers &= cell.kind == Kind::kInteger || cell.kind == Kind::kBoolean;
    numbers &= number || cell.kind == Kind::kInteger || cell.kind == Kind::kBoolean;
  }
  if (array.cells.empty()) return Datatype::kFp64;
  if (booleans) return Datatype::kBool;
  if (integers) return Datatype::kInt64;
  return numbers ? Datatype::kFp64 : Datatype::kBytes;
}

}  // namespace

Result<Tensor> cast(const Array& array, const InputSpec& spec) {
  TRY(serving::elements_of(array.shape));
  Tensor tensor = serving::make_tensor(spec.name, spec.datatype, array.shape);
  TRY(put_elements(array, spec, tensor));
  return tensor;
}

Result<Tensor> cast(const Array& array) { return cast(array, {.name = array.name, .datatype = fitting(array)}); }

bool parse_python_float(std::string_view text, double& value) {
  const std::string digits = digits_of(text);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || end != digits.data() + digits.size()) return false;
  if (error == std::errc::result_out_of_range) value = std::strtod(digits.c_str(), nullptr);  // an infinity, or zero
  return error == std::errc{} || error == std::errc::result_out_of_range;
}

bool parse_python_int(std::string_view text, std::int64_t& value) {
  const std::string digits = digits_of(text);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return !digits.empty() && error == std::errc{} && end == digits.data() + digits.size();
}

}  // namespace millrace::api::scoring
