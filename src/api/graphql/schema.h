#pragma once

#include <span>
#include <string_view>

namespace millrace::api::graphql {

enum class Scalar {
  kNone,    // an object
  kText,    // also enums
  kLong,    // a whole number, answered as a text: JavaScript has 53 bits
  kNumber,  // NaN and infinities are null
  kBoolean,
};

enum class Shape { kOne, kList };

struct Type;

// A field of an answer; its JSON is that of MLflow's REST, under the same name in snake_case.
struct Field {
  std::string_view name;
  Scalar scalar = Scalar::kText;
  const Type* type = nullptr;  // of kNone
  Shape shape = Shape::kOne;
};

struct Type {
  std::string_view name;
  std::span<const Field> fields;

  const Field* find(std::string_view field) const;  // nullptr where it has none
};

// A field at the root: a REST request with the argument `input` for its body.
struct Root {
  std::string_view name;
  bool is_mutation = false;
  std::string_view method;
  std::string_view path;
  const Type* type = nullptr;
};
const Root* find_root(std::string_view name, bool is_mutation);

// The two fields of a run that are requests of their own.
inline constexpr std::string_view kExperimentField = "experiment";
inline constexpr std::string_view kModelVersionsField = "modelVersions";
extern const Type kRunType;

}  // namespace millrace::api::graphql
