#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "duck/table.h"
#include "features/features.h"
#include "sql/value.h"

namespace millrace::features {

static_assert(static_cast<int>(duck::Type::kBoolean) == static_cast<int>(sql::Type::kBoolean) &&
              static_cast<int>(duck::Type::kTimestamp) == static_cast<int>(sql::Type::kTimestamp));

// A table's cell as an expression sees it; text views the table.
sql::Value cell(const duck::Column& column, std::size_t row);

// The table's columns for `wanted`, in their order; kInvalidArgument where one is missing or of another type. bigint
// stands for double.
Result<std::vector<const duck::Column*>> find_columns(const duck::Table& table, std::span<const sql::ColumnDef> wanted,
                                                      std::string_view what);

// The key that entities make, in `buffer` where it is not one of them alone; nullopt where one is null.
std::optional<std::string_view> encode_key(std::span<const sql::Value> entities, std::string& buffer);

// Reads a table's rows as a view does: key, event times, filter, values. The table and the view must outlive it.
class Projection {
 public:
  static Result<Projection> open(const CompiledView& view, const duck::Table& table);

  struct Row {
    std::string_view key;
    Timestamp time;   // the view's event time
    Timestamp known;  // the dataset's
  };
  // nullopt where the row does not count: an entity or event time is null, or `where` is not true. The key is valid
  // until the next call.
  std::optional<Row> read(std::size_t row);
  // The values of the row read last; the view lasts until the next call.
  std::span<const double> values();

 private:
  Projection(const CompiledView& view, std::vector<const duck::Column*> columns);

  const CompiledView* view_;
  std::vector<const duck::Column*> columns_;
  std::vector<sql::Value> row_;
  std::vector<sql::Value> entities_;
  std::vector<double> values_;
  std::string key_;
  sql::Scratch scratch_;
};

}  // namespace millrace::features
