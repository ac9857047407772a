#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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

// What MLflow had before aliases.
enum class Stage { kNone, kStaging, kProduction, kArchived };
std::string_view to_text(Stage stage);                // "None", "Staging", "Production", "Archived"
bool from_text(std::string_view text, Stage& stage);  // whatever the case

struct Model {
  std::string name;
  std::string description;
  Timestamp creation_time;
  Timestamp last_updated_time;
  std::vector<Alias> aliases;  // by name
  std::vector<Tag> tags;       // by key

  // The value of a tag, or "".
  std::string_view tag(std::string_view key) const;
  // A prompt is kept as a model with a tag, and left out where models are meant.
  bool is_prompt() const;
};

// What the folder of a version was seen to hold when it was registered.
struct Folder {
  std::vector<std::string> flavors;
  std::string input_example;         // the file's name; or empty
  std::vector<std::string> pickles;  // files that run code when they are loaded
};

struct ModelVersion {
  std::string model;
  std::int64_t version = 0;  // 1, 2, 3, ...; never used again
  std::string source;        // the URI of its MLmodel folder, as it was given
  std::string storage;       // where that was resolved to when it was registered; empty: `source` is it
  std::string run_id;        // empty where no run made it
  std::string run_link;      // to a run elsewhere
  std::string model_id;      // of the logged model that it is; or empty
  std::string user_id;
  Stage stage = Stage::kNone;
  std::string signature;  // JSON, {"inputs": [...], "outputs": [...]} in MLflow's form; or empty
  Folder folder;
  std::string description;
  std::string pipeline_run;  // that registered it; or empty
  Timestamp creation_time;
  Timestamp last_updated_time;
  std::vector<std::string> aliases;  // by name
  std::vector<Tag> tags;             // by key

  // The URI that its bytes are read from.
  const std::string& location() const { return storage.empty() ? source : storage; }
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
