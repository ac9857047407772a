#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::search {

// What a value is, and so which comparisons it has and which literals they take.
enum class Type {
  kText,
  kNumber,   // a double; may be NaN
  kInteger,  // stored and written as a whole number
  kTime,     // stored in microseconds; written in milliseconds, as MLflow does, or as a date (moment.h)
  kId,       // a whole number that is written as text, such as an experiment's id
};

enum class Nulls { kNever, kPossible };

// By what the rows with a key can be found, beside their owner.
enum class Index {
  kNone,
  kNumber,  // (key, nan, value, owner): in the order of their values, too
  kPrefix,  // (key, substr(value, 1, 64), owner): by text that is equal
};

inline constexpr std::size_t kPrefixLength = 64;

// Rows that belong to what is searched. The texts are parts of SQL statements: `from` names a table as `k`, maybe
// joined with others; the rest are columns of it.
struct Source {
  std::string_view from;       // "params k"
  std::string_view owner;      // "k.run": the number of the one the row belongs to
  std::string_view value;      // "k.value"
  std::string_view key;        // "k.key"; "" where the rows have none
  std::string_view nan;        // "k.is_nan", an integer; "" where values are always what they are
  Index index = Index::kNone;  // only where an owner has one row for a key: searches may start here
};

// A value that has a name of its own: of a column of the searched row, or of rows beside it.
struct Field {
  std::string_view name;
  Type type = Type::kText;
  std::string_view column;  // "runs.start_time"; "" where there is a source
  Source source = {};
  Nulls nulls = Nulls::kNever;
  std::vector<std::string_view> aliases = {};
  bool orders = true;  // may stand in order_by
};

// What stands before the dot.
struct Entity {
  std::string_view name;  // as MLflow's messages call it
  std::vector<std::string_view> aliases = {};
  std::vector<Field> fields = {};  // the keys it has; or, where there are none:
  // Any key, with values of this type in these rows.
  Type type = Type::kText;
  Source rows = {};
  // Not empty: the entity has its fields, and these rows have the keys that begin with this, "attributes.".
  std::string_view rows_prefix = {};
  // The same rows' values as numbers: what is compared with a literal that is a number.
  Source numbers = {};
  // A key that counts as this value where it is missing; "" for none.
  std::string_view default_key = {};
  std::string_view default_value = {};
};

// One column of a fixed order.
struct OrderColumn {
  std::string_view column;
  bool descending = false;
};

// What can be searched for, and by what. The entity named "attribute" is the one that a name without a dot belongs to.
// Texts are SQL: never from a user.
struct Schema {
  std::string_view table;   // "runs"
  std::string_view number;  // "runs.number": an integer that identifies a row
  std::vector<Entity> entities;
  std::vector<OrderColumn> default_order;  // where no order was asked for
  std::vector<OrderColumn> ties;           // what decides between equals; ends with a unique column
  // How the message about an unknown entity ends; made from the entities' names where it is "".
  std::string_view valid_entities = {};
};

}  // namespace millrace::search
