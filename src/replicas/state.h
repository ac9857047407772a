#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "duck/table.h"
#include "serving/bandit.h"
#include "serving/compositions/composition_store.h"
#include "serving/route_spec.h"

namespace millrace::replicas {

// A file of a model's folder.
struct ModelFile {
  std::string path;  // relative to the folder, of plain names
  std::uint64_t size = 0;
  std::string sha256;  // 64 lower-case hexadecimal digits
  bool operator==(const ModelFile&) const = default;
};

// A model version that endpoints need: all files of its folder, by path.
struct VersionState {
  std::string model;
  std::int64_t version = 0;
  std::vector<ModelFile> files;
  bool operator==(const VersionState&) const = default;
};

// Of the files' paths and contents: equal folders have equal digests.
std::string digest_of(const std::vector<ModelFile>& files);

// What a feature service of the server asks for, and what it makes of it, in order.
struct FeatureState {
  std::string service;
  std::vector<duck::ColumnType> inputs;
  std::vector<std::string> features;
};

// An endpoint as the server serves it.
struct EndpointState {
  std::string name;
  std::string document;                         // the Endpoint document, as JSON
  serving::RoutesSpec routes;                   // in force, whoever set them
  std::map<std::string, std::int64_t> arms;     // the version of each arm that has one, by the arm's name
  std::map<std::string, std::int64_t> shadows;  // likewise, by the shadow's alias
  // Where several models answer as one: the versions of its members, in their order. The arm's version is the number of
  // the composition.
  std::vector<serving::MemberVersion> members;
  std::optional<FeatureState> features;  // of an endpoint that has a feature service
  std::optional<serving::BanditEvidence> evidence;
  bool unloaded = false;  // by hand
};

// All that a replica needs to answer as its server does.
struct ServingState {
  std::optional<Timestamp> event_time;   // where the server's event clock stands; none: it is the wall clock
  std::vector<EndpointState> endpoints;  // by name
  std::vector<VersionState> versions;    // those that the endpoints name, by model and version

  const VersionState* find_version(std::string_view model, std::int64_t version) const;
};

// A state and its number: the server counts its changes, over restarts.
struct NumberedState {
  std::int64_t generation = 0;
  ServingState state;
};

// As docs/formats/serving_state.md has it.
std::string to_text(const ServingState& state);
std::string to_text(std::int64_t generation, std::string_view state_text);
// The entity tag of a numbered state's text, with its quotes.
std::string etag_of(std::string_view text);
// kInvalidArgument for what is not a state in every part: nothing of it is to be believed then. It may come from
// anybody: paths stay inside their folder, names occur once, and numbers and counts are bounded.
Result<NumberedState> parse_state(std::string_view text);

}  // namespace millrace::replicas
