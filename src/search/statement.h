#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "db/value.h"

namespace millrace::search {

// The text of a SQL statement, or a part of one, and the values of its parameters.
class Statement {
 public:
  using Parameter = std::variant<std::int64_t, double, std::string>;

  Statement() = default;
  explicit Statement(std::string_view text) : text_(text) {}

  Statement& add(std::string_view text) {
    text_ += text;
    return *this;
  }
  Statement& add(const Statement& part) {
    text_ += part.text_;
    parameters_.insert(parameters_.end(), part.parameters_.begin(), part.parameters_.end());
    return *this;
  }
  // Adds a `?` and its value.
  Statement& value(Parameter value) {
    text_ += '?';
    parameters_.push_back(std::move(value));
    return *this;
  }

  bool empty() const { return text_.empty(); }
  const std::string& text() const { return text_; }
  // Views of this statement's own values.
  std::vector<db::Value> values() const {
    std::vector<db::Value> values;
    for (const Parameter& parameter : parameters_) {
      values.push_back(std::visit([](const auto& v) { return db::to_value(v); }, parameter));
    }
    return values;
  }

 private:
  std::string text_;
  std::vector<Parameter> parameters_;
};

}  // namespace millrace::search
