#include "db/row.h"

namespace millrace::db::detail {

Error null_column(const Cursor& cursor, int column) {
  return {Code::kInternal, fmt::format("column {} is null (in: {})", column, cursor.sql())};
}

Error unknown_name(const Cursor& cursor, int column) {
  return {Code::kDataLoss,
          fmt::format("column {} has the unknown value \"{}\" (in: {})", column, cursor.text(column), cursor.sql())};
}

Error column_count(const Cursor& cursor, int expected) {
  return {Code::kInternal, fmt::format("{} columns for {} members (in: {})", cursor.columns(), expected, cursor.sql())};
}

}  // namespace millrace::db::detail
