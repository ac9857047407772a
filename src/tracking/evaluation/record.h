#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace millrace::tracking {

// An example of an evaluation dataset: what is asked, what was answered, what should be. All but the times and names
// are JSON; nothing where it was not said.
struct EvaluationRecord {
  std::string id;  // "dr-" and 32 hexadecimal digits
  std::string inputs = "{}";
  std::optional<std::string> outputs;
  std::optional<std::string> expectations;
  std::optional<std::string> tags;
  std::optional<std::string> source;  // {"source_type", "source_data"}
  std::optional<std::string> source_id;
  std::optional<std::string> source_type;  // "TRACE"
  Timestamp created_time;
  Timestamp last_update_time;
  std::optional<std::string> created_by;  // the tag mlflow.user
  std::optional<std::string> last_updated_by;
};

// What stands for a record's inputs, whatever the order of their keys.
std::string input_hash(const Json& record);

// {"inputs", "outputs", "expectations", "tags", "source"}. kInvalidArgument for what is not an object, or whose
// inputs, expectations or tags are not.
Result<EvaluationRecord> new_record(const Json& record);

// A record that is told again: outputs are replaced, expectations and tags added to, key by key.
Result<EvaluationRecord> merged(EvaluationRecord record, const Json& again);

// The types of all keys that records have had, {"inputs": {"question": "string"}, ...}: a key keeps its first one.
// `schema` is the one before, "" for none.
std::string widened_schema(const std::string& schema, const Json& records);

}  // namespace millrace::tracking
