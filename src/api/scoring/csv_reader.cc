#include "api/scoring/csv_reader.h"

#include <simdjson.h>

#include <algorithm>

#include "api/scoring/cast.h"

namespace millrace::api::scoring {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
// pandas' na_values.
constexpr std::string_view kNothing[] = {"",     "#N/A",   "#N/A N/A", "#NA",  "-1.#IND", "-1.#QNAN", "-NaN",
                                         "-nan", "1.#IND", "1.#QNAN",  "<NA>", "N/A",     "NA",       "NULL",
                                         "NaN",  "None",   "n/a",      "nan",  "null"};

Cell cell_of(std::string_view field) {
  return std::ranges::find(kNothing, field) != std::end(kNothing) ? Cell{} : Cell::of(field);
}

bool parse_truth(std::string_view text, bool& value) {
  value = text == "True" || text == "TRUE" || text == "true";
  return value || text == "False" || text == "FALSE" || text == "false";
}

// Turns all texts of the column into what `parse` reads of them, or none.
template <typename T, typename Parse>
bool reread(Array& column, const Parse& parse) {
  std::vector<Cell> cells;
  cells.reserve(column.cells.size());
  for (const Cell& cell : column.cells) {
    T value{};
    if (cell.kind == Cell::Kind::kText && !parse(cell.text, value)) return false;
    cells.push_back(cell.kind == Cell::Kind::kText ? Cell::of(value) : cell);
  }
  column.cells = std::move(cells);
  return true;
}

void infer(Array& column) {
  (void)(reread<std::int64_t>(column, parse_python_int) || reread<double>(column, parse_python_float) ||
         reread<bool>(column, parse_truth));
}

// What cast() makes of texts is what Python does, but for booleans, which pandas reads as words.
Result<void> fit_booleans(Table& table, const Schema& schema) {
  for (Array& column : table.arrays) {
    const auto spec = std::ranges::find(schema.inputs, column.name, &InputSpec::name);
    if (spec == schema.inputs.end() || spec->datatype != serving::Datatype::kBool) continue;
    if (!reread<bool>(column, parse_truth))
      return invalid_argument("input \"{}\" has a value that is not a boolean", column.name);
  }
  return {};
}

// A row's fields, without the index in front of them.
Result<void> append(std::vector<std::string_view>& line, std::size_t index, std::size_t number, Table& table) {
  if (line.size() > index + table.arrays.size()) {
    return invalid_argument("row {} has {} fields, more than the {} of the first line", number, line.size(),
                            table.arrays.size());
  }
  for (std::size_t at = 0; at < table.arrays.size(); ++at) {
    const bool given = index + at < line.size();
    table.arrays[at].cells.push_back(given ? cell_of(line[index + at]) : Cell{});
  }
  ++table.rows;
  return {};
}

}  // namespace

Result<Table> CsvReader::read(std::string_view text, const Schema* schema) {
  unquoted_.clear();
  if (!simdjson::validate_utf8(text)) return invalid_argument("the body is not UTF-8");
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Table table;
  Line line;
  if (!TRY(read_line(text, line))) return invalid_argument("there are no columns in the body");
  for (std::size_t at = 0; at < line.size(); ++at) {
    table.arrays.push_back({.name = line[at].empty() ? fmt::format("Unnamed: {}", at) : std::string(line[at])});
  }
  std::size_t index = 0;
  while (TRY(read_line(text, line))) {
    if (table.rows == 0 && line.size() > table.arrays.size()) index = line.size() - table.arrays.size();
    TRY(append(line, index, table.rows + 1, table));
  }
  for (Array& column : table.arrays) {
    column.shape = {static_cast<std::int64_t>(table.rows)};
    if (schema == nullptr) infer(column);
  }
  if (schema != nullptr) TRY(fit_booleans(table, *schema));
  return table;
}

// The next line that is not blank; false at the end.
Result<bool> CsvReader::read_line(std::string_view& text, Line& line) {
  while (text.starts_with('\n') || text.starts_with("\r\n")) text.remove_prefix(text.front() == '\r' ? 2 : 1);
  if (text.empty()) return false;
  line.clear();
  for (;;) {
    line.push_back(TRY(read_field(text)));
    if (!text.starts_with(',')) break;
    text.remove_prefix(1);
  }
  if (text.starts_with('\r')) text.remove_prefix(1);
  if (text.starts_with('\n')) text.remove_prefix(1);
  return true;
}

// Up to the comma or the end of the line, which stays.
Result<std::string_view> CsvReader::read_field(std::string_view& text) {
  if (text.starts_with('"')) return read_quoted(text);
  const std::string_view field = text.substr(0, text.find_first_of(",\r\n"));
  text.remove_prefix(field.size());
  return field;
}

// A quote within is doubled; what follows the last quote belongs to the field, too.
Result<std::string_view> CsvReader::read_quoted(std::string_view& text) {
  std::string& field = unquoted_.emplace_back();
  text.remove_prefix(1);
  for (;;) {
    const std::size_t quote = text.find('"');
    if (quote == std::string_view::npos) return invalid_argument("the body ends within quotes");
    field += text.substr(0, quote);
    text.remove_prefix(quote + 1);
    if (!text.starts_with('"')) break;
    field += '"';
    text.remove_prefix(1);
  }
  const std::string_view rest = text.substr(0, text.find_first_of(",\r\n"));
  text.remove_prefix(rest.size());
  return field += rest;
}

}  // namespace millrace::api::scoring
