#include "serving/logged_tensor.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/json.h"
#include "serving/convert.h"

namespace millrace::serving {
namespace {

duck::Type type_of(Datatype datatype) {
  if (datatype == Datatype::kBytes) return duck::Type::kVarchar;
  if (datatype == Datatype::kBool) return duck::Type::kBoolean;
  return is_integer(datatype) ? duck::Type::kBigint : duck::Type::kDouble;
}

// 0: as one text.
std::size_t values_a_row(const TensorSpec& spec) {
  if (spec.shape.empty() || spec.shape.front() != kAny || spec.shape.size() > 2) return 0;
  if (spec.shape.size() == 1) return 1;
  const std::int64_t width = spec.shape[1];
  return width < 1 || static_cast<std::size_t>(width) > kMostLoggedColumns ? 0 : static_cast<std::size_t>(width);
}

sql::Value value_at(const TensorView& tensor, std::size_t index) {
  if (tensor.datatype == Datatype::kBytes) return sql::Value::of(tensor.texts[index]);
  if (is_integer(tensor.datatype)) return sql::Value::of(integer_at(tensor, index));
  const double number = number_at(tensor, index);
  return std::isnan(number) ? sql::Value::null() : sql::Value::of(number);
}

Json json_at(const TensorView& tensor, std::size_t index) {
  if (tensor.datatype == Datatype::kBytes) return tensor.texts[index];
  if (is_integer(tensor.datatype)) return integer_at(tensor, index);
  return number_at(tensor, index);
}

std::size_t size_of(const TensorView& tensor) {
  return tensor.datatype == Datatype::kBytes ? tensor.texts.size() : tensor.data.size() / width_of(tensor.datatype);
}

std::string digest_of(const TensorView& tensor, std::size_t begin, std::size_t count) {
  const std::size_t width = width_of(tensor.datatype);
  if (tensor.datatype != Datatype::kBytes) {
    return sha256({reinterpret_cast<const char*>(tensor.data.data()) + begin * width, count * width});
  }
  Hasher hasher;
  for (const std::string_view text : tensor.texts.subspan(begin, count)) hasher.add_field(text);
  return hasher.finish();
}

std::string text_of(const TensorView& tensor, std::size_t begin, std::size_t count) {
  constexpr std::size_t kMostNumbers = kMostLoggedBytes / 2;
  if (count <= kMostNumbers) {
    Json list = Json::array();
    for (std::size_t i = 0; i < count; ++i) list.push_back(json_at(tensor, begin + i));
    std::string text = dump_json(list);
    if (text.size() <= kMostLoggedBytes) return text;
  }
  return dump_json({{"sha256", digest_of(tensor, begin, count)},
                    {"shape", std::vector<std::int64_t>(tensor.shape.begin(), tensor.shape.end())},
                    {"datatype", to_text(tensor.datatype)}});
}

}  // namespace

std::size_t logged_width(const TensorSpec& spec) { return std::max<std::size_t>(values_a_row(spec), 1); }

std::vector<duck::ColumnType> logged_columns(const TensorSpec& spec, const std::string& name) {
  const std::size_t width = values_a_row(spec);
  if (width == 0) return {{name, duck::Type::kVarchar}};
  if (width == 1) return {{name, type_of(spec.datatype)}};
  std::vector<duck::ColumnType> columns;
  for (std::size_t i = 0; i < width; ++i) columns.push_back({fmt::format("{}_{}", name, i), type_of(spec.datatype)});
  return columns;
}

void append_logged(const TensorSpec& spec, const TensorView& tensor, std::size_t rows, std::size_t row,
                   sql::Scratch& texts, std::vector<sql::Value>& out) {
  const std::size_t width = values_a_row(spec), count = rows == 0 ? 0 : size_of(tensor) / rows;
  const bool fitting = !tensor.name.empty() && tensor.datatype == spec.datatype && (width == 0 || width == count);
  if (!fitting) return out.resize(out.size() + logged_width(spec));
  if (width == 0) return out.push_back(sql::Value::of(texts.copy(text_of(tensor, row * count, count))));
  for (std::size_t i = 0; i < width; ++i) out.push_back(value_at(tensor, row * width + i));
}

}  // namespace millrace::serving
