#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/forest/model_document.h"

namespace millrace::serving {

// Members of an XGBoost model file's objects. kDataLoss names the member that is not there or not of its kind.

Result<const ModelValue*> object_in(const ModelValue& parent, std::string_view key);
Result<const ModelValue*> array_in(const ModelValue& parent, std::string_view key);
Result<std::string_view> text_in(const ModelValue& parent, std::string_view key);

// An array of `size` numbers.
Result<const std::vector<double>*> numbers_in(const ModelValue& parent, std::string_view key, std::size_t size);
// The same, as whole numbers.
Result<std::vector<std::int32_t>> indices_in(const ModelValue& parent, std::string_view key, std::size_t size);
// An array of whole numbers, however many; none where there is no such member.
Result<std::vector<std::int32_t>> indices_in(const ModelValue& parent, std::string_view key);

// XGBoost writes its scalar parameters as strings; an absent one is `otherwise`.
struct CountRange {
  std::int32_t least = 0;
  std::int32_t most = 0;
};
Result<std::int32_t> count_in(const ModelValue& parent, std::string_view key, CountRange range);
Result<std::int32_t> count_in(const ModelValue& parent, std::string_view key, CountRange range, std::int32_t otherwise);

}  // namespace millrace::serving
