#include "monitoring/window_rows.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "datasets/datasets.h"

namespace millrace::monitoring {
namespace {

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
  for (const auto& column : query.predictions) {
    const std::string name = duck::quote_identifier(column.name);
    columns += fmt::format(", cast(p.{} as double) as {}", name, name);
  }
  return fmt::format(
      R"(with labels as ({})
select p.event_time, cast(p.version as varchar) as version, l.value as label{}
from {} p
left join labels l on l.id = p.id
where p.event_time >= make_timestamp($1) and p.event_time < make_timestamp($2) and $3 is not null
order by p.event_time, p.id)",
      newest_labels_sql(labels, query), columns, datasets::scan_sql(predictions, query.window.start, query.window.end));
}

Sample numbers_of(duck::Column& column) {
  if (column.type == duck::Type::kDouble) return Sample(std::move(column.doubles));
  std::vector<double> values(column.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = column.is_null(i) ? std::nan("") : static_cast<double>(column.ints[i]);
  }
  return Sample(std::move(values));
}

Categories values_of(const duck::Column& column) {
  Categories values;
  for (std::size_t i = 0; i < column.size(); ++i) {
    if (column.is_null(i)) {
      values.add_missing();
    } else {
      values.add(column.strings[i]);
    }
  }
  return values;
}

Column to_column(duck::Column& column) {
  if (column.type == duck::Type::kVarchar) return values_of(column);
  return numbers_of(column);
}

// Reads the columns one after the other, so that only one is there unsorted.
Result<Columns> read_columns(duck::Connection& connection, const std::vector<duck::ColumnType>& available,
                             const std::vector<std::string>& names, const std::string& rows,
                             const std::vector<duck::Parameter>& parameters) {
  Columns columns;
  for (const auto& column : available) {
    const bool wanted = std::ranges::find(names, column.name) != names.end();
    if (!wanted || column.type == duck::Type::kTimestamp) continue;
    duck::Table table =
        TRY(connection.query(fmt::format("select {} from {}", duck::quote_identifier(column.name), rows), parameters));
    columns.emplace(column.name, to_column(table.columns.front()));
  }
  return columns;
}

}  // namespace

Result<std::optional<datasets::Version>> newest_version(const datasets::Datasets& datasets, const std::string& name) {
  auto version = datasets.version(name);
  if (version) return *std::move(version);
  if (version.error().code == Code::kNotFound) return std::nullopt;
  return std::unexpected(version.error());
}

bool is_reserved_column(std::string_view name) {
  constexpr std::array<std::string_view, 6> kReserved{"id",      "event_time", "served_at",
                                                      "version", "route",      "latency_us"};
  return name.starts_with("prediction") || name.starts_with("shadow_") ||
         std::ranges::find(kReserved, name) != kReserved.end();
}

Result<duck::Table> read_window(duck::Connection& connection, const datasets::Version& predictions,
                                const std::optional<datasets::Version>& labels, const WindowQuery& query) {
  return connection.query(window_sql(predictions, labels, query),
                          {query.window.start.us, query.window.end.us, query.labels_until.us});
}

Result<Columns> read_features(duck::Connection& connection, const datasets::Version& predictions, Window window,
                              const std::vector<std::string>& names) {
  const std::string rows = fmt::format("{} where event_time >= make_timestamp($1) and event_time < make_timestamp($2)",
                                       datasets::scan_sql(predictions, window.start, window.end));
  return read_columns(connection, predictions.schema, names, rows, {window.start.us, window.end.us});
}

Result<std::vector<duck::ColumnType>> parquet_columns(duck::Connection& connection, const std::filesystem::path& file) {
  return connection.describe(fmt::format("select * from {}", duck::read_parquet_sql({&file, 1})));
}

Result<Columns> read_reference(duck::Connection& connection, const std::filesystem::path& file,
                               const std::vector<std::string>& names, std::int64_t max_rows) {
  const std::string path = duck::quote_literal(file.string());
  const duck::Table counted = TRY(connection.query(fmt::format("select count(*) from read_parquet({})", path)));
  const std::int64_t step = (counted.columns.front().ints.front() + max_rows - 1) / max_rows;
  const std::string rows = fmt::format("read_parquet({}, file_row_number = true) where file_row_number % {} = 0", path,
                                       std::max<std::int64_t>(step, 1));
  return read_columns(connection, TRY(parquet_columns(connection, file)), names, rows, {});
}

}  // namespace millrace::monitoring
