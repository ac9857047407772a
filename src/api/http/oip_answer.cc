#include "api/http/oip_answer.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

#include "api/http/oip_binary.h"
#include "base/json.h"

namespace millrace::api {
namespace {

using serving::Datatype;
using serving::Tensor;

constexpr std::size_t kSmallAnswer = 256;  // bytes that the answer of one row fits into

// The hot path builds no document. Names and ids are escaped by the JSON library where they need it.
void append_json_string(std::string& out, std::string_view text) {
  auto plain = [](unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
  if (!std::ranges::all_of(text, plain)) {
    out += dump_json(Json(text));
    return;
  }
  out += '"';
  out += text;
  out += '"';
}

template <typename T>
void append_number(std::string& out, T value) {
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(value)) {
      out += "null";
      return;
    }
  }
  fmt::format_to(std::back_inserter(out), FMT_COMPILE("{}"), value);
}

template <typename T>
void append_numbers(std::string& out, const Tensor& tensor) {
  for (std::size_t i = 0; i < tensor.data.size() / sizeof(T); ++i) {
    if (i > 0) out += ',';
    append_number(out, serving::element<T>(tensor.data, i));
  }
}

void append_booleans(std::string& out, const Tensor& tensor) {
  for (std::size_t i = 0; i < tensor.data.size(); ++i) {
    if (i > 0) out += ',';
    out += tensor.data[i] == std::byte{0} ? "false" : "true";
  }
}

void append_texts(std::string& out, const Tensor& tensor) {
  for (std::size_t i = 0; i < tensor.texts.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, tensor.texts[i]);
  }
}

void append_halves(std::string& out, const Tensor& tensor) {
  std::vector<std::string_view> no_texts;
  const serving::TensorView view = view_of(tensor, no_texts);
  for (std::size_t i = 0; i < tensor.data.size() / 2; ++i) {
    if (i > 0) out += ',';
    append_number(out, static_cast<float>(number_at(view, i)));
  }
}

void append_elements(std::string& out, const Tensor& tensor) {
  switch (tensor.datatype) {
    case Datatype::kBool:
      return append_booleans(out, tensor);
    case Datatype::kUint8:
      return append_numbers<std::uint8_t>(out, tensor);
    case Datatype::kUint16:
      return append_numbers<std::uint16_t>(out, tensor);
    case Datatype::kUint32:
      return append_numbers<std::uint32_t>(out, tensor);
    case Datatype::kUint64:
      return append_numbers<std::uint64_t>(out, tensor);
    case Datatype::kInt8:
      return append_numbers<std::int8_t>(out, tensor);
    case Datatype::kInt16:
      return append_numbers<std::int16_t>(out, tensor);
    case Datatype::kInt32:
      return append_numbers<std::int32_t>(out, tensor);
    case Datatype::kInt64:
      return append_numbers<std::int64_t>(out, tensor);
    case Datatype::kFp16:
    case Datatype::kBf16:
      return append_halves(out, tensor);
    case Datatype::kFp32:
      return append_numbers<float>(out, tensor);
    case Datatype::kFp64:
      return append_numbers<double>(out, tensor);
    case Datatype::kBytes:
      return append_texts(out, tensor);
  }
}

void append_tensor(std::string& out, const Tensor& tensor, const OutputForm& form) {
  out += "{\"name\":";
  append_json_string(out, tensor.name);
  out += ",\"shape\":[";
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    if (i > 0) out += ',';
    append_number(out, tensor.shape[i]);
  }
  out += "],\"datatype\":\"";
  out += to_text(tensor.datatype);
  out += "\",";
  if (form.binary) {
    out += "\"parameters\":{\"binary_data_size\":";
    append_number(out, bytes_of(tensor));
    out += "}}";
    return;
  }
  out += "\"data\":[";
  append_elements(out, tensor);
  out += "]}";
}

}  // namespace

OipBody oip_answer_body(const serving::InferAnswer& answer, std::span<const OutputForm> forms) {
  const auto form_of = [&](std::size_t i) -> const OutputForm& { return forms[std::min(i, forms.size() - 1)]; };
  OipBody body;
  std::string& out = body.text;
  out.reserve(kSmallAnswer);
  out = "{\"model_name\":";
  append_json_string(out, answer.model_name);
  out += ",\"model_version\":\"";
  append_number(out, answer.version);
  out += "\",\"id\":";
  append_json_string(out, answer.id);
  out += ",\"outputs\":[";
  for (std::size_t i = 0; i < answer.outputs.size(); ++i) {
    if (i > 0) out += ',';
    append_tensor(out, answer.outputs[i], form_of(i));
  }
  out += "]}";
  const std::size_t json_bytes = out.size();
  for (std::size_t i = 0; i < answer.outputs.size(); ++i) {
    if (!form_of(i).binary) continue;
    append_bytes(out, answer.outputs[i]);
    body.json_bytes = json_bytes;
  }
  return body;
}

}  // namespace millrace::api
