#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <variant>

#include "base/time.h"

namespace millrace::db {

enum class Type { kUnknown, kInteger, kReal, kText };

// A null, and what it would be if it were not.
struct Null {
  Type type = Type::kUnknown;
};

// What is bound to one `?`: null, integer, real or text. Text is not copied: it must outlive the statement's run. A
// double that is not a number is bound as null.
using Value = std::variant<Null, std::int64_t, double, std::string_view>;

// An enum is stored as text through two functions beside it, found by its namespace:
//   std::string_view to_text(RunStatus);
//   bool from_text(std::string_view, RunStatus&);   // false: no such name
template <typename E>
concept TextEnum = std::is_enum_v<E> && requires(E e, std::string_view text) {
  { to_text(e) } -> std::convertible_to<std::string_view>;
  { from_text(text, e) } -> std::convertible_to<bool>;
};

inline Value to_value(std::nullopt_t) { return Null{}; }
inline Value to_value(std::integral auto v) { return static_cast<std::int64_t>(v); }
inline Value to_value(std::floating_point auto v) {
  return std::isnan(v) ? Value(Null{Type::kReal}) : Value(static_cast<double>(v));
}
inline Value to_value(Timestamp v) { return v.us; }
inline Value to_value(Duration v) { return static_cast<std::int64_t>(v.count()); }
template <typename T>
  requires std::convertible_to<const T&, std::string_view>
Value to_value(const T& v) {
  return std::string_view(v);
}
template <TextEnum E>
Value to_value(E v) {
  return std::string_view(to_text(v));
}

template <typename T>
consteval Type type_of() {
  if constexpr (TextEnum<T> || std::convertible_to<const T&, std::string_view>) return Type::kText;
  if constexpr (std::floating_point<T>) return Type::kReal;
  return Type::kInteger;
}
template <typename T>
Value to_value(const std::optional<T>& v) {
  return v ? to_value(*v) : Value(Null{type_of<T>()});
}

}  // namespace millrace::db
