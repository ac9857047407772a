#include "api/scoring/predictions.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "base/base64.h"
#include "base/python_json.h"

namespace millrace::api::scoring {

namespace {

using serving::Datatype;
using serving::Tensor;
using serving::TensorView;

template <typename T>
void append_integer(std::string& out, const Tensor& tensor, std::size_t index) {
  fmt::format_to(std::back_inserter(out), "{}", +serving::element<T>(tensor.data, index));
}

// Bytes that are no text are base64, as MLflow has them.
void append_text(std::string& out, const std::string& text) {
  append_python_string(out, simdjson::validate_utf8(text) ? text : base64_encode(text) + "\n");
}

void append_element(std::string& out, const Tensor& tensor, std::size_t index) {
  switch (tensor.datatype) {
    case Datatype::kBool:
      out += serving::element<std::uint8_t>(tensor.data, index) != 0 ? "true" : "false";
      return;
    case Datatype::kUint8:
      return append_integer<std::uint8_t>(out, tensor, index);
    case Datatype::kUint16:
      return append_integer<std::uint16_t>(out, tensor, index);
    case Datatype::kUint32:
      return append_integer<std::uint32_t>(out, tensor, index);
    case Datatype::kUint64:
      return append_integer<std::uint64_t>(out, tensor, index);
    case Datatype::kInt8:
      return append_integer<std::int8_t>(out, tensor, index);
    case Datatype::kInt16:
      return append_integer<std::int16_t>(out, tensor, index);
    case Datatype::kInt32:
      return append_integer<std::int32_t>(out, tensor, index);
    case Datatype::kInt64:
      return append_integer<std::int64_t>(out, tensor, index);
    case Datatype::kFp64:
      return append_python_number(out, serving::element<double>(tensor.data, index));
    case Datatype::kFp32:
      return append_python_number(out, serving::element<float>(tensor.data, index));
    case Datatype::kFp16:
    case Datatype::kBf16:
      return append_python_number(out, serving::number_at({.datatype = tensor.datatype, .data = tensor.data}, index));
    case Datatype::kBytes:
      return append_text(out, tensor.texts[index]);
  }
}

// The elements from `at` on that fill the axes that are left; answers where the next ones begin.
std::size_t append_nested(std::string& out, const Tensor& tensor, std::size_t axis, std::size_t at) {
  if (axis == tensor.shape.size()) {
    append_element(out, tensor, at);
    return at + 1;
  }
  out += '[';
  for (std::int64_t i = 0; i < tensor.shape[axis]; ++i) {
    if (i > 0) out += ", ";
    at = append_nested(out, tensor, axis + 1, at);
  }
  out += ']';
  return at;
}

void append_records(std::string& out, std::span<const Tensor> outputs) {
  std::vector<std::string> names;
  for (const Tensor& tensor : outputs) append_python_string(names.emplace_back(), tensor.name);
  std::vector<std::size_t> places(outputs.size());
  const std::int64_t rows = outputs.empty() || outputs[0].shape.empty() ? 0 : outputs[0].shape[0];
  out += '[';
  for (std::int64_t row = 0; row < rows; ++row) {
    out += row > 0 ? ", {" : "{";
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      out.append(i > 0 ? ", " : "").append(names[i]).append(": ");
      places[i] = append_nested(out, outputs[i], 1, places[i]);
    }
    out += '}';
  }
  out += ']';
}

void append_arrays(std::string& out, std::span<const Tensor> outputs) {
  out += '{';
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (i > 0) out += ", ";
    append_python_string(out, outputs[i].name);
    out += ": ";
    append_nested(out, outputs[i], 0, 0);
  }
  out += '}';
}

// Records need as many rows of each output.
bool have_rows(std::span<const Tensor> outputs) {
  return std::ranges::all_of(
      outputs, [&](const Tensor& tensor) { return !tensor.shape.empty() && tensor.shape[0] == outputs[0].shape[0]; });
}

}  // namespace

void append_outputs(std::string& out, std::span<const Tensor> outputs, Layout layout) {
  if (layout == Layout::kArray && outputs.size() == 1) {
    append_nested(out, outputs[0], 0, 0);
  } else if (layout == Layout::kRecords && have_rows(outputs)) {
    append_records(out, outputs);
  } else {
    append_arrays(out, outputs);
  }
}

}  // namespace millrace::api::scoring
