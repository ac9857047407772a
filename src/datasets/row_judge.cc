#include "datasets/row_judge.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "sql/sql.h"

namespace millrace::datasets {

static_assert(static_cast<int>(duck::Type::kBoolean) == static_cast<int>(sql::Type::kBoolean) &&
              static_cast<int>(duck::Type::kBigint) == static_cast<int>(sql::Type::kBigint) &&
              static_cast<int>(duck::Type::kDouble) == static_cast<int>(sql::Type::kDouble) &&
              static_cast<int>(duck::Type::kVarchar) == static_cast<int>(sql::Type::kVarchar) &&
              static_cast<int>(duck::Type::kTimestamp) == static_cast<int>(sql::Type::kTimestamp));

struct RowJudge::Native {
  sql::Expression verdict;
};

namespace {

sql::Value value_at(const duck::Column& column, std::size_t row) {
  if (column.is_null(row)) return sql::Value::null();
  if (column.type == duck::Type::kVarchar) return sql::Value::of(std::string_view(column.strings[row]));
  if (column.type == duck::Type::kDouble) return sql::Value::of(column.doubles[row]);
  return sql::Value::of(column.ints[row]);
}

bool judges_rows(const ExpectationPlan& plan) {
  return plan.map() != nullptr && plan.map()->row_level && plan.spec.on_failure != OnFailure::kWarn &&
         (plan.spec.on_failure == OnFailure::kQuarantine || !plan.has_mostly);
}

}  // namespace

RowJudge::RowJudge(const std::vector<duck::ColumnType>& columns, const std::vector<ExpectationPlan>& plans) {
  std::vector<sql::ColumnDef> definitions;
  for (const auto& column : columns) definitions.push_back({column.name, static_cast<sql::Type>(column.type)});
  for (const ExpectationPlan& plan : plans) {
    if (!judges_rows(plan)) continue;
    auto verdict = sql::Expression::compile(plan.map()->verdict, definitions);
    if (verdict && verdict->type() == sql::Type::kBoolean) {
      native_.push_back({std::move(*verdict)});
    } else {
      others_.push_back(plan.map()->verdict);
    }
  }
}

RowJudge::~RowJudge() = default;

Result<std::vector<std::uint8_t>> RowJudge::judge(const duck::Table& rows, duck::Database& duck) {
  std::vector<std::uint8_t> good(rows.rows, 1);
  sql::Scratch scratch;
  std::vector<sql::Value> row(rows.columns.size());
  for (std::size_t i = 0; i < rows.rows; ++i) {
    for (std::size_t c = 0; c < row.size(); ++c) row[c] = value_at(rows.columns[c], i);
    for (const Native& native : native_) {
      scratch.clear();
      const sql::Value verdict = native.verdict.evaluate(row, scratch);
      if (verdict.is_error() || (verdict.is_present() && verdict.integer == 0)) good[i] = 0;
    }
  }
  if (others_.empty() || rows.rows == 0) return good;
  duck::Connection connection = TRY(duck.connect());
  TRY(connection.create_temp_table("pushed", rows));
  const duck::Table answer =
      TRY(connection.query(fmt::format("select coalesce(({}), true) from pushed", fmt::join(others_, ") and ("))));
  for (std::size_t i = 0; i < rows.rows; ++i) good[i] &= answer.columns[0].ints[i] != 0;
  return good;
}

}  // namespace millrace::datasets
