#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace millrace::registry {

// All of these have MLflow's meanings.

struct Tag {
  std::string key;
  std::string value;
};

struct Alias {
  std::string name;
  std::int64_t version = 0;
};

struct Model {
  std::string name;
  std::string description;
  Timestamp creation_time;
  Timestamp last_updated_time;
  std::vector<Alias> aliases;  // by name
  std::vector<Tag> tags;       // by key
};

struct ModelVersion {
  std::string model;
  std::int64_t version = 0;  // 1, 2, 3, ...; never used again
  std::string source;        // the URI of its MLmodel folder
  std::string run_id;        // empty where no run made it
  std::string signature;     // JSON, {"inputs": [...], "outputs": [...]} in MLflow's form; or empty
  std::string description;
  std::string pipeline_run;  // that registered it; or empty
  Timestamp creation_time;
  Timestamp last_updated_time;
  std::vector<std::string> aliases;  // by name
  std::vector<Tag> tags;             // by key
};

// One move of an alias.
struct AliasChange {
  std::int64_t id = 0;  // rising
  std::string model;
  std::string alias;
  std::optional<std::int64_t> version;   // none: the alias was deleted
  std::optional<std::int64_t> previous;  // none: there was no such alias
  std::string reason;
  std::string pipeline_run;
  Timestamp event_time;
};

}  // namespace millrace::registry
