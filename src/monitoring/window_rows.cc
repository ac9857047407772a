#include "monitoring/window_rows.h"

#include <algorithm>
#include <array>

#include "datasets/datasets.h"

namespace millrace::monitoring {
namespace {

std::string as_read(const duck::ColumnType& column, std::string_view table) {
  const std::string name = duck::quote_identifier(column.name);
  if (column.type == duck::Type::kVarchar) return fmt::format("{}{}", table, name);
  return fmt::format("cast({}{} as double) as {}", table, name, name);
}

std::string newest_labels_sql(const std::optional<datasets::Version>& labels, const WindowQuery& query) {
  if (!labels) return "select null::varchar as id, null::double as value where false";
  return fmt::format(
      R"(select id, max_by(value, row(event_time, value)) as value
from {}
where event_time >= make_timestamp($1) and event_time <= make_timestamp($3)
group by id)",
      datasets::scan_sql(*labels, query.window.start, query.labels_until));
}

std::string window_sql(const datasets::Version& predictions, const std::optional<datasets::Version>& labels,
                       const WindowQuery& query) {
  std::string columns;
  for (const auto& column : query.columns) columns += ",\n" + as_read(column, "p.");
  return fmt::format(
      R"(with labels as ({})
select p.event_time, cast(p.version as varchar) as version, l.value as "@label"{}
from {} p
left join labels l on l.id = cast(p.id as varchar)
where p.event_time >= make_timestamp($1) and p.event_time < make_timestamp($2) and $3 is not null
order by p.event_time, p.id)",
      newest_labels_sql(labels, query), columns, datasets::scan_sql(predictions, query.window.start, query.window.end));
}

Result<std::int64_t> count_rows(duck::Connection& connection, const std::string& source) {
  const duck::Table counted = TRY(connection.query(fmt::format("select count(*) from {}", source)));
  return counted.columns.front().ints.front();
}

Sample numbers_of(const duck::Column& column) {
  if (column.type == duck::Type::kDouble) return Sample(column.doubles);
  std::vector<double> values(column.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = column.is_null(i) ? std::nan("") : static_cast<double>(column.ints[i]);
  }
  return Sample(std::move(values));
}

Categories values_of(const duck::Column& column) {
  Categories values;
  for (std::size_t i = 0; i < column.size(); ++i) {
    if (column.is_null(i))
      values.add_missing();
    else
      values.add(column.strings[i]);
  }
  return values;
}

}  // namespace

Result<std::optional<datasets::Version>> newest_version(const datasets::Datasets& datasets, const std::string& name) {
  auto version = datasets.version(name);
  if (version) return *std::move(version);
  if (version.error().code == Code::kNotFound) return std::nullopt;
  return std::unexpected(version.error());
}

bool is_reserved_column(std::string_view name) {
  constexpr std::array<std::string_view, 5> kReserved{"id", "event_time", "version", "latency_us", "prediction"};
  return name.starts_with("shadow_") || std::ranges::find(kReserved, name) != kReserved.end();
}

Result<duck::Table> read_window(duck::Connection& connection, const datasets::Version& predictions,
                                const std::optional<datasets::Version>& labels, const WindowQuery& query) {
  return connection.query(window_sql(predictions, labels, query),
                          {query.window.start.us, query.window.end.us, query.labels_until.us});
}

Result<std::vector<duck::ColumnType>> parquet_columns(duck::Connection& connection, const std::filesystem::path& file) {
  return connection.describe(fmt::format("select * from {}", duck::read_parquet_sql({&file, 1})));
}

Result<std::map<std::string, Column>> read_reference(duck::Connection& connection, const std::filesystem::path& file,
                                                     const std::vector<std::string>& columns, std::int64_t max_rows) {
  const std::string path = duck::quote_literal(file.string());
  const std::int64_t rows = TRY(count_rows(connection, fmt::format("read_parquet({})", path)));
  const std::int64_t step = (rows + max_rows - 1) / std::max<std::int64_t>(max_rows, 1);
  std::map<std::string, Column> result;
  for (const auto& column : TRY(parquet_columns(connection, file))) {
    const bool wanted = std::ranges::find(columns, column.name) != columns.end();
    if (!wanted || column.type == duck::Type::kTimestamp) continue;
    const duck::Table table = TRY(connection.query(
        fmt::format("select {} from read_parquet({}, file_row_number = true) where file_row_number % {} = 0",
                    as_read(column, ""), path, std::max<std::int64_t>(step, 1))));
    result.emplace(column.name, to_column(table.columns.front()));
  }
  return result;
}

Column to_column(const duck::Column& column) {
  if (column.type == duck::Type::kVarchar) return values_of(column);
  return numbers_of(column);
}

}  // namespace millrace::monitoring
