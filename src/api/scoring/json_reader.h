#pragma once

#include <simdjson.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/scoring/table.h"
#include "base/result.h"

namespace millrace::api::scoring {

enum class Key { kFrameSplit, kFrameRecords, kInstances, kInputs };

struct JsonRequest {
  Key key = Key::kInputs;
  Table table;
  std::vector<std::string> params;  // their names
  std::string params_text;          // the object of them, as JSON; empty where there is none
  std::string signature_name;       // TensorFlow's
};

// Whose protocol a body is of.
enum class Dialect {
  kMlflow,      // all four keys; unknown ones are ignored
  kTensorFlow,  // `instances` and `inputs`; {"b64": "..."} stands for bytes
};

// Reads what is to be scored from JSON as Python writes it: NaN, Infinity and -Infinity are numbers. One per thread: it
// keeps its memory, and what it answered is valid until its next read.
class JsonReader {
 public:
  explicit JsonReader(Dialect dialect) : dialect_(dialect) {}

  // kInvalidArgument says what is wrong: malformed JSON, none or several of the keys, lists of uneven lengths.
  // kFailedPrecondition for what MLflow takes for a language model's input.
  Result<JsonRequest> read(std::string_view body);

 private:
  using Element = simdjson::dom::element;

  Result<simdjson::dom::object> parse(std::string_view body);
  Result<Table> read_split(Element value);
  Result<Table> read_split_rows(simdjson::dom::array rows, std::optional<Element> columns);
  Result<Table> read_records(Element value);
  Result<Table> read_instances(Element value);
  Result<Table> read_inputs(Element value);
  Result<Table> read_objects(simdjson::dom::array objects, Table::Form form);
  Result<void> append(Element value, Array& array);
  Result<void> append_null(Array& array);
  Result<void> append_cells(Element value, std::span<const std::int64_t> shape, std::vector<Cell>& out);
  Result<Cell> cell_of(Element value);
  Result<Array> array_of(std::string_view name, Element value);

  const Dialect dialect_;
  simdjson::dom::parser parser_;
  std::string rewritten_;
  std::deque<std::string> decoded_;  // what was base64
};

}  // namespace millrace::api::scoring
