#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "datasets/dataset_spec.h"

namespace millrace::datasets {

// Reads an expectation's kwargs key by key and keeps the first fault.
class Kwargs {
 public:
  Kwargs(const Json& json, const std::vector<ColumnSpec>& columns) : json_(json), columns_(columns) {}

  const std::vector<ColumnSpec>& columns() const { return columns_; }
  // The declared column that the key names; a placeholder after a fault.
  const ColumnSpec& column(std::string_view key = "column");
  std::vector<const ColumnSpec*> column_list(std::string_view key);  // at least two
  std::string text(std::string_view key);
  std::optional<std::string> optional_text(std::string_view key);
  std::optional<double> number(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key);
  bool flag(std::string_view key, bool otherwise);
  std::vector<std::string> texts(std::string_view key);
  const Json& list(std::string_view key);  // not empty
  const Json& object(std::string_view key);
  // A value of the column's type as an SQL literal; nullopt where the key is absent or null.
  std::optional<std::string> literal(std::string_view key, duck::Type type);
  std::string literal_of(std::string_view key, const Json& value, duck::Type type);

  void fault(std::string message);
  // The first fault, an unknown key among them.
  std::optional<std::string> finish();

 private:
  const Json* find(std::string_view key);
  const ColumnSpec& find_column(const Json& name);

  const Json& json_;
  const std::vector<ColumnSpec>& columns_;
  std::vector<std::string> known_{"result_format", "catch_exceptions", "meta", "severity"};
  std::optional<std::string> fault_;
};

// A number as a literal that is exact in SQL: 12, -1.5e0.
std::string number_literal(const Json& number);

}  // namespace millrace::datasets
