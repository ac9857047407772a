#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace millrace::openlineage {

inline constexpr std::size_t kMostDatasets = 1000;  // inputs or outputs of one message
inline constexpr std::size_t kLongestName = 2000;   // bytes of a name or a namespace

struct JobRef {
  std::string name_space;
  std::string name;
};

struct DatasetRef {
  std::string name_space;
  std::string name;
  std::string version;  // of the facet `version`; or empty
  Json fields;          // of the facet `schema`: its list; or null
};

enum class MessageKind { kRun, kDataset, kJob };

// What an OpenLineage event (spec 2-0-2: RunEvent, DatasetEvent or JobEvent) says, as far as the graph needs it.
struct Message {
  MessageKind kind = MessageKind::kRun;
  Timestamp event_time;
  std::string event_type;  // "START", "COMPLETE", ...; "" where it says none
  std::string run_id;      // a UUID in lower case
  std::string parent_run;  // of the facet `parent`; or empty
  JobRef job;
  std::string documentation;  // of the job
  std::vector<DatasetRef> inputs;
  std::vector<DatasetRef> outputs;
  std::optional<DatasetRef> dataset;  // of a DatasetEvent
};

// kInvalidArgument, with the place and what is wrong there: `inputs[2].name must be a string that is not empty`.
Result<Message> read_message(const Json& event);

// "6f1ed002-ab59-4d31-8c4f-5a0b2b2b7d77".
bool is_uuid(std::string_view text);
// A run's id among others': 32 hexadecimal digits with dashes, anything else by its SHA-256.
std::string uuid_of(std::string_view id);

}  // namespace millrace::openlineage
