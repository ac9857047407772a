#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::sql {

// The types of columns and results. Integers of every width are kBigint, decimals are kDouble.
enum class Type : std::uint8_t { kBoolean, kBigint, kDouble, kVarchar, kTimestamp };

// "boolean", "bigint", "double", "varchar", "timestamp"
std::string_view type_name(Type type);

struct ColumnDef {
  std::string name;
  Type type = Type::kDouble;
};

// One cell. What an integer means (bigint, boolean 0 or 1, timestamp in microseconds since 1970 UTC) is known from the
// type of the column or expression. Text is not owned.
struct Value {
  // kError is the outcome of an evaluation that DuckDB would answer with an error (integer overflow, a cast that fails,
  // the logarithm of a negative number); `text` then says why.
  enum class Kind : std::uint8_t { kNull, kError, kInteger, kDouble, kText };

  Kind kind = Kind::kNull;
  union {
    std::int64_t integer = 0;
    double number;
    std::string_view text;
  };

  static Value null() { return {}; }
  static Value of(std::int64_t v) {
    Value r;
    r.kind = Kind::kInteger;
    r.integer = v;
    return r;
  }
  static Value of(bool v) { return of(static_cast<std::int64_t>(v)); }
  static Value of(double v) {
    Value r;
    r.kind = Kind::kDouble;
    r.number = v;
    return r;
  }
  static Value of(std::string_view v) {
    Value r;
    r.kind = Kind::kText;
    r.text = v;
    return r;
  }
  // `why` must live as long as the value: a literal, or text in the Scratch of the evaluation.
  static Value error(std::string_view why) {
    Value r;
    r.kind = Kind::kError;
    r.text = why;
    return r;
  }

  bool is_null() const { return kind == Kind::kNull; }
  bool is_error() const { return kind == Kind::kError; }
  bool is_present() const { return kind > Kind::kError; }
};

// Where evaluations put the text they make. Grows to what one row needs and is then reused: evaluating allocates
// nothing. A value's text is valid until clear(). One Scratch per thread.
class Scratch {
 public:
  char* take(std::size_t bytes);
  std::string_view copy(std::string_view text);
  void clear() { used_ = 0, block_ = 0; }

 private:
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };
  std::vector<Block> blocks_;
  std::size_t block_ = 0;
  std::size_t used_ = 0;
};

}  // namespace millrace::sql
