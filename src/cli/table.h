#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::cli {

enum class Align { kLeft, kRight };

struct Column {
  std::string head;
  Align align = Align::kLeft;
};

// Text in aligned columns, each as wide as its widest cell, two spaces between; no line ends in spaces. A control
// character in a cell becomes a space, so that what a user stored cannot move a terminal's cursor.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Missing cells are empty, cells beyond the columns are not shown.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  // The head and the rows, each with its line end.
  std::string text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// "name:     flights\nversion:  12\n": what is known of one thing. Fields with an empty value are left out.
std::string fields_text(const std::vector<std::pair<std::string, std::string>>& fields);

}  // namespace millrace::cli
