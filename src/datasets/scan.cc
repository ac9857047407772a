#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "datasets/version.h"
#include "duck/quote.h"

namespace millrace::datasets {
namespace {

std::string no_rows(const std::vector<duck::ColumnType>& schema) {
  std::string list;
  for (const auto& column : schema) {
    list += fmt::format("{}null::{} as {}", list.empty() ? "" : ", ", duck::type_name(column.type),
                        duck::quote_identifier(column.name));
  }
  return fmt::format("(select {} where false)", list);
}

// The first `there` columns by name, the rest as nulls.
std::string with_nulls(const std::vector<duck::ColumnType>& schema, std::size_t there, const std::string& source) {
  std::string list;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    const std::string name = duck::quote_identifier(schema[i].name);
    const std::string value = i < there ? name : fmt::format("null::{} as {}", duck::type_name(schema[i].type), name);
    list += (i == 0 ? "" : ", ") + value;
  }
  return fmt::format("(select {} from {})", list, source);
}

}  // namespace

std::string scan_sql(const Version& version) {
  return scan_sql(version, {std::numeric_limits<std::int64_t>::min()}, {std::numeric_limits<std::int64_t>::max()});
}

std::string scan_sql(const Version& version, Timestamp from, Timestamp to) {
  std::vector<std::filesystem::path> files;
  std::size_t narrowest = version.schema.size();
  std::size_t widest = 0;
  for (const Segment& segment : version.segments) {
    if (segment.max_event_time < from || segment.min_event_time > to) continue;
    files.emplace_back(segment.path);
    narrowest = std::min(narrowest, segment.columns);
    widest = std::max(widest, segment.columns);
  }
  if (files.empty()) return no_rows(version.schema);
  if (narrowest == version.schema.size()) return duck::read_parquet_sql(files);
  return with_nulls(version.schema, widest, duck::read_parquet_sql(files, duck::ColumnMatch::kByName));
}

}  // namespace millrace::datasets
