#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace::serving {

// A value of a model file, JSON or UBJSON. Numbers are doubles that hold a float or an integer below 2^53 exactly:
// a decimal with a fraction or an exponent is read straight to the nearest float, as XGBoost reads it, because a
// detour through double can round twice. A null among numbers is NaN.
struct ModelValue {
  enum class Kind { kNull, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  double number = 0;  // true and false are 1 and 0
  std::string text;
  std::vector<double> numbers;     // of an array, as long as it holds only numbers
  std::vector<ModelValue> items;   // of an array that holds anything else; of an object
  std::vector<std::string> names;  // of an object's items

  // nullptr where this is no object or has no such member.
  const ModelValue* find(std::string_view key) const;
};

// Reads a whole file; told apart by its first bytes. Never throws, and takes memory in proportion to the file's size,
// whatever the counts inside it claim. kInvalidArgument for a file that is neither, kDataLoss for one that is broken.
Result<ModelValue> read_model_document(std::string_view bytes);

}  // namespace millrace::serving
