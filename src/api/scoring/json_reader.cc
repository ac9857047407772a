#include "api/scoring/json_reader.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "base/base64.h"
#include "base/python_json.h"

namespace millrace::api::scoring {

namespace {

namespace dom = simdjson::dom;
using simdjson::SUCCESS;

constexpr std::size_t kDeepest = 32;  // as many axes as NumPy had for most of its life
constexpr std::size_t kMostColumns = 65536;

struct Name {
  std::string_view text;
  Key key;
};
constexpr Name kKeys[] = {{"dataframe_split", Key::kFrameSplit},
                          {"dataframe_records", Key::kFrameRecords},
                          {"instances", Key::kInstances},
                          {"inputs", Key::kInputs}};

const Name* find_key(std::string_view text) {
  const auto found = std::ranges::find(kKeys, text, &Name::text);
  return found == std::end(kKeys) ? nullptr : found;
}

bool is_for_language_models(std::string_view key) { return key == "messages" || key == "prompt" || key == "input"; }

std::string_view kind_of(dom::element value) {
  switch (value.type()) {
    case dom::element_type::ARRAY:
      return "a list";
    case dom::element_type::OBJECT:
      return "an object";
    case dom::element_type::STRING:
      return "a string";
    case dom::element_type::NULL_VALUE:
      return "null";
    case dom::element_type::BOOL:
      return "a boolean";
    default:
      return "a number";
  }
}

// The extents of nested lists, by the first of each.
Result<std::vector<std::int64_t>> shape_of(dom::element value) {
  std::vector<std::int64_t> shape;
  dom::array list;
  while (value.get(list) == SUCCESS) {
    if (shape.size() == kDeepest) return invalid_argument("lists are nested deeper than {} levels", kDeepest);
    shape.push_back(static_cast<std::int64_t>(list.size()));
    if (list.size() == 0) break;
    value = list.at(0).value_unsafe();
  }
  return shape;
}

bool all_objects(dom::array list) {
  return std::ranges::all_of(list, [](dom::element value) { return value.is_object(); });
}

// Of a column before its first value, which decides on the other axes.
std::vector<std::int64_t> no_rows(dom::array rows) {
  return rows.size() == 0 ? std::vector<std::int64_t>{0} : std::vector<std::int64_t>{};
}

// What is no string names no column.
void name_columns(dom::array names, Table& table) {
  std::size_t at = 0;
  for (const dom::element name : names) {
    std::string_view text;
    if (name.get(text) == SUCCESS) table.arrays[at].name = text;
    ++at;
  }
}

Error uneven() { return invalid_argument("lists that should be of one length are not").error(); }

}  // namespace

Result<JsonRequest> JsonReader::read(std::string_view body) {
  decoded_.clear();
  const dom::object object = TRY(parse(body));
  JsonRequest request;
  std::optional<std::pair<Key, dom::element>> found;
  for (const auto& [name, value] : object) {
    if (dialect_ == Dialect::kMlflow && is_for_language_models(name)) {
      return fail(Code::kFailedPrecondition, "the model takes columns or tensors; the request has \"{}\"", name);
    }
    const Name* key = find_key(name);
    if (key != nullptr && found && found->first != key->key) {
      return invalid_argument("the request has \"{}\" and \"{}\"; it must have exactly one of them",
                              std::ranges::find(kKeys, found->first, &Name::key)->text, name);
    }
    if (key != nullptr) found = {key->key, value};  // of a key twice the last one holds, as in Python
    dom::object params;
    if (name == "params" && value.get(params) == SUCCESS) {
      for (const auto& param : params) request.params.emplace_back(param.key);
      request.params_text = simdjson::minify(value);
    }
    std::string_view text;
    if (name == "signature_name" && value.get(text) == SUCCESS) request.signature_name = text;
  }
  if (!found || (dialect_ == Dialect::kTensorFlow && found->first < Key::kInstances)) {
    return dialect_ == Dialect::kMlflow
               ? invalid_argument(
                     "the request must have exactly one of \"dataframe_split\", \"dataframe_records\", \"instances\" "
                     "and \"inputs\"")
               : invalid_argument("the request must have \"instances\" or \"inputs\"");
  }
  request.key = found->first;
  const auto read = [&]() -> Result<Table> {
    switch (request.key) {
      case Key::kFrameSplit:
        return read_split(found->second);
      case Key::kFrameRecords:
        return read_records(found->second);
      case Key::kInstances:
        return read_instances(found->second);
      case Key::kInputs:
        return read_inputs(found->second);
    }
    return Table{};
  };
  request.table = TRY(read());
  return request;
}

Result<dom::object> JsonReader::parse(std::string_view body) {
  dom::element document;
  auto error = parser_.parse(body.data(), body.size()).get(document);
  if (error != SUCCESS) {
    if (auto rewritten = without_bare_numbers(body)) {
      rewritten_ = std::move(*rewritten);
      error = parser_.parse(rewritten_).get(document);
    }
  }
  if (error != SUCCESS) return invalid_argument("the body is not valid JSON: {}", simdjson::error_message(error));
  dom::object object;
  if (document.get(object) != SUCCESS)
    return invalid_argument("the body must be a JSON object, not {}", kind_of(document));
  return object;
}

// {"columns": [...], "index": [...], "data": [[...], ...]}; without columns they have no names.
Result<Table> JsonReader::read_split(Element value) {
  dom::object split;
  if (value.get(split) != SUCCESS)
    return invalid_argument("\"dataframe_split\" must be an object, not {}", kind_of(value));
  std::optional<dom::element> columns, data, index;
  for (const auto& [name, member] : split) {
    auto* place = name == "columns" ? &columns : name == "data" ? &data : name == "index" ? &index : nullptr;
    if (place == nullptr) {
      return invalid_argument("\"dataframe_split\" has \"{}\"; it takes \"columns\", \"index\" and \"data\"", name);
    }
    if (!member.is_null()) *place = member;
  }
  dom::array rows;
  if (!data || data->get(rows) != SUCCESS)
    return invalid_argument("\"dataframe_split\" needs \"data\", a list of rows");
  dom::array labels;
  if (index && (index->get(labels) != SUCCESS || labels.size() != rows.size()))
    return invalid_argument("\"index\" must be a list with a label for each of the {} rows", rows.size());
  return read_split_rows(rows, columns);
}

Result<Table> JsonReader::read_split_rows(dom::array rows, std::optional<Element> columns) {
  Table table{.form = Table::Form::kFrame, .rows = rows.size()};
  dom::array names;
  if (columns && columns->get(names) != SUCCESS) return invalid_argument("\"columns\" must be a list of names");
  std::size_t widest = 0;
  const bool lists = std::ranges::any_of(rows, [](dom::element row) { return row.is_array(); });
  for (const dom::element row : rows) {
    if (lists != row.is_array()) return invalid_argument("each row of \"data\" must be a list");
    widest = std::max(widest, lists ? dom::array(row).size() : 1);
  }
  const std::size_t width = columns ? names.size() : widest;
  if (width > kMostColumns) return invalid_argument("the request has {} columns, more than {}", width, kMostColumns);
  if (rows.size() > 0 && width != widest)
    return invalid_argument("\"columns\" names {} columns, but the rows of \"data\" have {}", width, widest);
  table.arrays.resize(width, {.name = {}, .shape = no_rows(rows)});
  if (columns) name_columns(names, table);
  for (const dom::element row : rows) {
    std::size_t at = 0;
    if (!lists) TRY(append(row, table.arrays[at++]));
    if (lists) {
      for (const dom::element value : dom::array(row)) TRY(append(value, table.arrays[at++]));
    }
    for (; at < width; ++at) TRY(append_null(table.arrays[at]));
  }
  return table;
}

Result<Table> JsonReader::read_records(Element value) {
  dom::array list;
  if (value.get(list) != SUCCESS)
    return invalid_argument("\"dataframe_records\" must be a list of records, not {}", kind_of(value));
  if (all_objects(list)) return read_objects(list, Table::Form::kFrame);
  return read_split_rows(list, std::nullopt);  // pandas takes rows without names, too
}

// A row an object; what one of them lacks is null.
Result<Table> JsonReader::read_objects(dom::array objects, Table::Form form) {
  Table table{.form = form, .rows = objects.size()};
  std::unordered_map<std::string_view, std::size_t> places;
  std::vector<std::size_t> filled;  // rows, by column
  std::size_t row = 0;
  for (const dom::element element : objects) {
    std::size_t hint = 0;  // records mostly have their members in one order
    for (const auto& [name, value] : dom::object(element)) {
      std::size_t at = hint++;
      if (at >= table.arrays.size() || table.arrays[at].name != name) {
        const auto [place, fresh] = places.try_emplace(name, table.arrays.size());
        at = place->second;
        if (fresh) {
          if (at == kMostColumns) return invalid_argument("the request has more than {} columns", kMostColumns);
          table.arrays.push_back({.name = std::string(name)});
          filled.push_back(0);
        }
      }
      if (filled[at] > row) return invalid_argument("a record has \"{}\" twice", name);
      for (; filled[at] < row; ++filled[at]) TRY(append_null(table.arrays[at]));
      TRY(append(value, table.arrays[at]));
      ++filled[at];
    }
    ++row;
  }
  for (std::size_t at = 0; at < filled.size(); ++at) {
    for (; filled[at] < row; ++filled[at]) {
      if (form == Table::Form::kArrays) return std::unexpected(uneven());
      TRY(append_null(table.arrays[at]));
    }
  }
  return table;
}

// TensorFlow's row format: a list of objects is arrays by name, each with a value of every object.
Result<Table> JsonReader::read_instances(Element value) {
  dom::array list;
  if (value.get(list) == SUCCESS && list.size() > 0 && list.at(0).value_unsafe().is_object()) {
    if (!all_objects(list)) return invalid_argument("\"instances\" must all be objects, or none of them");
    if (dialect_ == Dialect::kMlflow || dom::object(list.at(0).value_unsafe())["b64"].error() != SUCCESS)
      return read_objects(list, Table::Form::kArrays);
  }
  if (dialect_ == Dialect::kTensorFlow && !value.is_array()) return invalid_argument("\"instances\" must be a list");
  Table table = TRY(read_inputs(value));
  if (table.form == Table::Form::kArrays) {
    for (const Array& array : table.arrays) {
      const auto& first = table.arrays.front().shape;
      if (!array.shape.empty() && !first.empty() && array.shape[0] != first[0]) return std::unexpected(uneven());
    }
  }
  return table;
}

// TensorFlow's column format: arrays by name, or one.
Result<Table> JsonReader::read_inputs(Element value) {
  dom::object by_name;
  const bool is_bytes = dialect_ == Dialect::kTensorFlow && value.get(by_name) == SUCCESS && by_name.size() == 1 &&
                        by_name["b64"].error() == SUCCESS;
  if (!is_bytes && value.get(by_name) == SUCCESS) {
    Table table{.form = Table::Form::kArrays};
    if (by_name.size() > kMostColumns) return invalid_argument("the request has more than {} columns", kMostColumns);
    for (const auto& [name, member] : by_name) table.arrays.push_back(TRY(array_of(name, member)));
    return table;
  }
  dom::array list;
  const bool objects =
      dialect_ == Dialect::kMlflow && value.get(list) == SUCCESS && list.size() > 0 && all_objects(list);
  if (objects) return read_objects(list, Table::Form::kRecords);
  Table table{.form = Table::Form::kArray};
  table.arrays.push_back(TRY(array_of({}, value)));
  return table;
}

Result<Array> JsonReader::array_of(std::string_view name, Element value) {
  Array array{.name = std::string(name), .shape = TRY(shape_of(value))};
  TRY(append_cells(value, array.shape, array.cells));
  return array;
}

// One more along the first axis.
Result<void> JsonReader::append(Element value, Array& array) {
  if (array.shape.empty()) {
    array.shape = TRY(shape_of(value));
    array.shape.insert(array.shape.begin(), 0);
  }
  ++array.shape[0];
  return append_cells(value, std::span(array.shape).subspan(1), array.cells);
}

Result<void> JsonReader::append_null(Array& array) {
  if (array.shape.empty()) array.shape = {0};
  if (array.shape.size() > 1) return std::unexpected(uneven());
  ++array.shape[0];
  array.cells.emplace_back();
  return {};
}

Result<void> JsonReader::append_cells(Element value, std::span<const std::int64_t> shape, std::vector<Cell>& out) {
  if (shape.empty()) {
    if (value.is_array()) return std::unexpected(uneven());
    out.push_back(TRY(cell_of(value)));
    return {};
  }
  dom::array list;
  if (value.get(list) != SUCCESS || static_cast<std::int64_t>(list.size()) != shape[0])
    return std::unexpected(uneven());
  for (const dom::element element : list) TRY(append_cells(element, shape.subspan(1), out));
  return {};
}

Result<Cell> JsonReader::cell_of(Element value) {
  switch (value.type()) {
    case dom::element_type::NULL_VALUE:
      return Cell{};
    case dom::element_type::BOOL:
      return Cell::of(bool(value));
    case dom::element_type::INT64:
      return Cell::of(std::int64_t(value));
    case dom::element_type::UINT64:
      return Cell{.kind = Cell::Kind::kLarge, .number = static_cast<double>(std::uint64_t(value))};
    case dom::element_type::DOUBLE:
      return Cell::of(double(value));
    case dom::element_type::STRING:
      return Cell::of(std::string_view(value));
    default:
      break;
  }
  std::string_view text;
  if (dialect_ == Dialect::kTensorFlow && value["b64"].get(text) == SUCCESS) {
    auto bytes = base64_decode(text);
    if (!bytes) return invalid_argument("\"b64\" is not base64");
    return Cell{.kind = Cell::Kind::kBytes, .text = decoded_.emplace_back(std::move(*bytes))};
  }
  return Cell{.kind = Cell::Kind::kOther};
}

}  // namespace millrace::api::scoring
