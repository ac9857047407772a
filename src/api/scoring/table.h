#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::api::scoring {

// A value as a request has it, before it is known what the model wants. Texts are viewed.
struct Cell {
  enum class Kind : std::uint8_t { kNull, kBoolean, kInteger, kLarge, kNumber, kText, kBytes, kOther };
  Kind kind = Kind::kNull;
  union {
    std::int64_t integer = 0;  // kInteger; kBoolean: 0 or 1
    double number;             // kNumber; kLarge: an integer beyond 64 bits, as the nearest double
  };
  std::string_view text = {};  // kText; kBytes: what was base64

  static Cell of(bool value) { return {.kind = Kind::kBoolean, .integer = value ? 1 : 0}; }
  static Cell of(std::int64_t value) { return {.kind = Kind::kInteger, .integer = value}; }
  static Cell of(double value) { return {.kind = Kind::kNumber, .number = value}; }
  static Cell of(std::string_view value) { return {.kind = Kind::kText, .text = value}; }
};

// Values of a shape, row-major; no extents: a scalar.
struct Array {
  std::string name;  // empty where it has none
  std::vector<std::int64_t> shape;
  std::vector<Cell> cells;
};

// What a request asks to be scored. The forms are those that Python's clients make of it, for they decide what a model
// with a signature takes.
struct Table {
  enum class Form {
    kFrame,    // pandas: columns, each of a value a row
    kRecords,  // a list of objects
    kArrays,   // arrays by name
    kArray,    // one array without a name
  };
  Form form = Form::kFrame;
  std::size_t rows = 0;  // of a frame or of records
  std::vector<Array> arrays;
};

}  // namespace millrace::api::scoring
