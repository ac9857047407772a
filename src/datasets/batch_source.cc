#include "datasets/batch_source.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/files.h"
#include "base/suggest.h"

namespace millrace::datasets {
namespace {

using duck::quote_identifier;

// How a column of the file becomes one of the dataset. A value for which `raw` is not null and `typed` is, is of the
// wrong type.
struct Conversion {
  std::string name;
  std::string typed;
  std::string raw;  // empty where nothing can go wrong
};

std::string source_sql(Format format, const std::filesystem::path& file) {
  const std::string path = duck::quote_literal(file.string());
  switch (format) {
    case Format::kParquet:
      return fmt::format("read_parquet({}, file_row_number = true)", path);
    case Format::kCsv:
      return fmt::format("read_csv({}, header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"')",
                         path);
    case Format::kJson:
      return fmt::format("read_json({}, format = 'array', maximum_depth = 1, sample_size = -1)", path);
    case Format::kNdjson:
      return fmt::format("read_json({}, format = 'newline_delimited', maximum_depth = 1, sample_size = -1)", path);
  }
  std::unreachable();
}

// DuckDB's message without the path of our scratch file and without its advice on options.
std::string tidy(std::string message, const std::filesystem::path& file) {
  for (const std::string& name : {"\"" + file.string() + "\"", "'" + file.string() + "'", file.string()}) {
    for (auto at = message.find(name); at != std::string::npos; at = message.find(name))
      message.replace(at, name.size(), "the batch");
  }
  return message;
}

std::string text_conversion(const std::string& text, duck::Type type) {
  switch (type) {
    case duck::Type::kVarchar:
      return text;
    case duck::Type::kTimestamp:
      return fmt::format("try_cast(try_cast({} as timestamptz) as timestamp)", text);
    case duck::Type::kBigint:
      return fmt::format(
          "case when regexp_full_match({0}, '\\s*[+-]?[0-9]+(\\.0*)?\\s*') then try_cast({0} as bigint) end", text);
    default:
      return fmt::format("try_cast({} as {})", text, duck::type_name(type));
  }
}

std::string json_conversion(const std::string& json, duck::Type type) {
  const std::string text = fmt::format("({} ->> '$')", json);
  const auto when = [&](std::string_view types, const std::string& value) {
    return fmt::format("case when json_type({}) in ({}) then {} end", json, types, value);
  };
  switch (type) {
    case duck::Type::kVarchar:
      return when("'VARCHAR'", text);
    case duck::Type::kTimestamp:
      return when("'VARCHAR'", text_conversion(text, type));
    case duck::Type::kBoolean:
      return when("'BOOLEAN'", text_conversion(text, type));
    case duck::Type::kBigint:
      return when(
          "'BIGINT', 'UBIGINT', 'DOUBLE'",
          fmt::format(
              "case when try_cast({0} as double) = floor(try_cast({0} as double)) then try_cast({0} as bigint) end",
              text));
    case duck::Type::kDouble:
      return when("'BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE'", text_conversion(text, type));
  }
  std::unreachable();
}

Conversion conversion(const ColumnSpec& column, duck::Type found, Format format) {
  const std::string name = quote_identifier(column.name);
  if (format == Format::kCsv)
    return {column.name, text_conversion(name, column.type), column.type == duck::Type::kVarchar ? "" : name};
  if (format != Format::kParquet) {
    return {column.name, json_conversion(name, column.type),
            fmt::format("case when json_type({0}) <> 'NULL' then {0}::varchar end", name)};
  }
  if (found == column.type) return {column.name, fmt::format("{}::{}", name, duck::type_name(column.type)), ""};
  const std::string raw = name + "::varchar";
  if (column.type == duck::Type::kDouble && found == duck::Type::kBigint) return {column.name, name + "::double", ""};
  if (column.type == duck::Type::kVarchar) return {column.name, "null::varchar", raw};  // a number is not a text
  return {column.name, text_conversion(raw, column.type), raw};
}

Result<void> check_names(const DatasetSpec& spec, const std::vector<duck::ColumnType>& found) {
  std::vector<std::string> wanted;
  std::vector<std::string> there;
  for (const ColumnSpec& column : spec.columns) wanted.push_back(column.name);
  for (const auto& column : found) there.push_back(column.name);
  std::vector<std::string> unknown;
  std::vector<std::string> missing;
  for (const auto& name : there) {
    if (std::ranges::find(wanted, name) == wanted.end()) unknown.push_back(name);
  }
  for (const auto& name : wanted) {
    if (std::ranges::find(there, name) == there.end()) missing.push_back(name);
  }
  if (!unknown.empty()) {
    return invalid_argument("dataset {} has no column \"{}\"{}", spec.name, unknown[0],
                            did_you_mean(unknown[0], wanted));
  }
  if (!missing.empty()) {
    return invalid_argument("the batch has no column \"{}\"; dataset {} has the columns {}", missing[0], spec.name,
                            fmt::join(wanted, ", "));
  }
  return {};
}

Result<void> check_values(duck::Connection& connection, const DatasetSpec& spec,
                          const std::vector<Conversion>& conversions, const std::string& source) {
  std::string firsts;
  for (const Conversion& c : conversions) {
    if (c.raw.empty()) continue;
    firsts += fmt::format(
        "{}arg_min({}, \"~row\") filter ({} is not null and {} is null), min(\"~row\") filter ({} is not null and {} "
        "is null)",
        firsts.empty() ? "" : ", ", c.raw, c.raw, c.typed, c.raw, c.typed);
  }
  if (firsts.empty()) return {};
  const duck::Table table = TRY(connection.query(fmt::format("select {} from {}", firsts, source)));
  std::size_t at = 0;
  for (std::size_t i = 0; i < conversions.size(); ++i) {
    if (conversions[i].raw.empty()) continue;
    const duck::Column& value = table.columns[at];
    const duck::Column& row = table.columns[at + 1];
    at += 2;
    if (row.is_null(0)) continue;
    return invalid_argument("row {}: column {} of dataset {} is a {}, not {}", row.ints[0], conversions[i].name,
                            spec.name, duck::type_name(spec.columns[i].type),
                            duck::quote_literal(value.strings[0].substr(0, 100)));
  }
  return {};
}

Result<void> check_event_times(duck::Connection& connection, const DatasetSpec& spec) {
  const duck::Table table = TRY(connection.query(
      fmt::format("select count(*), min(\"~row\") filter ({} is null) from typed", quote_identifier(spec.event_time))));
  if (table.columns[0].ints[0] == 0) return invalid_argument("the batch has no rows");
  if (table.columns[1].is_null(0)) return {};
  return invalid_argument("row {} has no {}, the event time of dataset {}", table.columns[1].ints[0], spec.event_time,
                          spec.name);
}

Result<void> check_text(Format format, const std::filesystem::path& file) {
  if (std::filesystem::is_empty(file)) return invalid_argument("the batch is empty");
  if (format == Format::kParquet) return {};
  const std::string text = TRY(read_file(file));
  if (const std::size_t line = find_bad_utf8(text); line != 0) return invalid_argument("line {} is not UTF-8", line);
  return {};
}

// CSV and JSON are read once, into "raw"; a Parquet file is scanned where it lies.
Result<std::string> open_source(duck::Connection& connection, Format format, const std::filesystem::path& file) {
  const std::string source = source_sql(format, file);
  if (format == Format::kParquet) return fmt::format("(select *, file_row_number + 1 as \"~row\" from {})", source);
  TRY(connection.execute(
      fmt::format("create or replace temp table raw as select *, row_number() over () as \"~row\" from {}", source)));
  return std::string("raw");
}

Result<std::vector<duck::ColumnType>> file_columns(duck::Connection& connection, const std::string& source) {
  std::vector<duck::ColumnType> columns = TRY(connection.describe("select * from " + source));
  std::erase_if(columns, [](const auto& column) { return column.name == "~row" || column.name == "file_row_number"; });
  return columns;
}

Result<void> read_typed(duck::Connection& connection, const DatasetSpec& spec, Format format,
                        const std::filesystem::path& file) {
  const std::string source = TRY(open_source(connection, format, file));
  const std::vector<duck::ColumnType> found = TRY(file_columns(connection, source));
  TRY(check_names(spec, found));
  std::vector<Conversion> conversions;
  std::string list;
  for (const ColumnSpec& column : spec.columns) {
    const auto there = std::ranges::find(found, column.name, &duck::ColumnType::name);
    conversions.push_back(conversion(column, there->type, format));
    list += fmt::format("{} as {}, ", conversions.back().typed, quote_identifier(column.name));
  }
  TRY(check_values(connection, spec, conversions, source));
  TRY(connection.execute(fmt::format("create or replace temp view typed as select {}\"~row\" from {}", list, source)));
  return check_event_times(connection, spec);
}

std::string_view kind_of_file(Format format) {
  switch (format) {
    case Format::kParquet:
      return "Parquet";
    case Format::kCsv:
      return "CSV";
    case Format::kJson:
      return "JSON";
    case Format::kNdjson:
      return "NDJSON";
  }
  std::unreachable();
}

// Errors of ours name rows and columns; the others are DuckDB's, of a file that it cannot read.
bool is_ours(const std::string& message) {
  return message.starts_with("row ") || message.starts_with("dataset ") || message.starts_with("the batch ");
}

}  // namespace

std::size_t find_bad_utf8(std::string_view text) {
  std::size_t line = 1;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    line += c == '\n';
    if (c < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4 || i + length > text.size()) return line;
    std::uint32_t point = c & (0x7F >> length);
    for (std::size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0) != 0x80) return line;
      point = point << 6 | (next & 0x3F);
    }
    const bool overlong = (length == 3 && point < 0x800) || (length == 4 && (point < 0x10000 || point > 0x10FFFF));
    if (overlong || (point >= 0xD800 && point < 0xE000)) return line;
    i += length;
  }
  return 0;
}

Result<void> read_batch(duck::Connection& connection, const DatasetSpec& spec, Format format,
                        const std::filesystem::path& file) {
  TRY(check_text(format, file));
  Result<void> read = read_typed(connection, spec, format, file);
  if (read || read.error().code == Code::kResourceExhausted || is_ours(read.error().message)) return read;
  return fail(read.error().code == Code::kInternal ? Code::kInternal : Code::kInvalidArgument,
              "the batch is not a complete {} file: {}", kind_of_file(format), tidy(read.error().message, file));
}

}  // namespace millrace::datasets
