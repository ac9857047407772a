#include "serving/forest/model_fields.h"

#include <charconv>
#include <limits>

namespace millrace::serving {
namespace {

Result<const ModelValue*> member(const ModelValue& object, std::string_view key, ModelValue::Kind kind) {
  const ModelValue* found = object.find(key);
  if (found == nullptr || found->kind != kind) return data_loss("broken model file: no {} where one must be", key);
  return found;
}

Result<std::vector<std::int32_t>> to_indices(const std::vector<double>& numbers, std::string_view key) {
  std::vector<std::int32_t> result;
  result.reserve(numbers.size());
  for (double number : numbers) {
    if (!(number >= std::numeric_limits<std::int32_t>::min() && number <= std::numeric_limits<std::int32_t>::max())) {
      return data_loss("broken model file: {} holds {}", key, number);
    }
    result.push_back(static_cast<std::int32_t>(number));
  }
  return result;
}

}  // namespace

Result<const ModelValue*> object_in(const ModelValue& parent, std::string_view key) {
  return member(parent, key, ModelValue::Kind::kObject);
}

Result<const ModelValue*> array_in(const ModelValue& parent, std::string_view key) {
  return member(parent, key, ModelValue::Kind::kArray);
}

Result<std::string_view> text_in(const ModelValue& parent, std::string_view key) {
  return std::string_view(TRY(member(parent, key, ModelValue::Kind::kString))->text);
}

Result<const std::vector<double>*> numbers_in(const ModelValue& parent, std::string_view key, std::size_t size) {
  const ModelValue* array = TRY(array_in(parent, key));
  if (array->numbers.size() != size) {
    return data_loss("broken model file: {} holds {} numbers, not {}", key, array->numbers.size(), size);
  }
  return &array->numbers;
}

Result<std::vector<std::int32_t>> indices_in(const ModelValue& parent, std::string_view key, std::size_t size) {
  return to_indices(*TRY(numbers_in(parent, key, size)), key);
}

Result<std::vector<std::int32_t>> indices_in(const ModelValue& parent, std::string_view key) {
  if (parent.find(key) == nullptr) return std::vector<std::int32_t>{};
  return to_indices(TRY(array_in(parent, key))->numbers, key);
}

Result<std::int32_t> count_in(const ModelValue& parent, std::string_view key, CountRange range) {
  const std::string_view text = TRY(text_in(parent, key));
  std::int32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < range.least || value > range.most) {
    return data_loss("broken model file: {} is \"{}\"", key, text);
  }
  return value;
}

Result<std::int32_t> count_in(const ModelValue& parent, std::string_view key, CountRange range,
                              std::int32_t otherwise) {
  if (parent.find(key) == nullptr) return otherwise;
  return count_in(parent, key, range);
}

}  // namespace millrace::serving
