#include "replicas/state.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "base/hash.h"
#include "base/json.h"
#include "blob/key.h"

namespace millrace::replicas {
namespace {

constexpr std::size_t kMostEndpoints = 10'000;
constexpr std::size_t kMostFiles = 100'000;  // of all versions together
constexpr std::size_t kMostColumns = 100'000;
constexpr std::size_t kLongestPath = 1'024;
constexpr std::size_t kLongestName = 512;
constexpr std::int64_t kLargestFile = std::int64_t{1} << 42;
constexpr std::int64_t kLargestNumber = std::int64_t{1} << 53;  // what JSON's readers agree on

template <typename... Args>
std::unexpected<Error> fault(fmt::format_string<Args...> format, Args&&... args) {
  return invalid_argument("the serving state is malformed: {}", fmt::format(format, std::forward<Args>(args)...));
}

Result<const Json*> member(const Json& object, const char* key) {
  if (!object.is_object()) return fault("an object is missing where \"{}\" should be", key);
  const auto found = object.find(key);
  if (found == object.end()) return fault("\"{}\" is missing", key);
  return &*found;
}

Result<std::string> text_in(const Json& object, const char* key, std::size_t longest = kLongestName) {
  const Json& value = *TRY(member(object, key));
  if (!value.is_string()) return fault("\"{}\" is no string", key);
  const auto& text = value.get_ref<const std::string&>();
  if (text.empty() || text.size() > longest) return fault("\"{}\" has {} characters", key, text.size());
  return text;
}

Result<std::int64_t> whole(const Json& value, const char* what, std::int64_t least, std::int64_t most) {
  if (!value.is_number_integer()) return fault("\"{}\" is no whole number", what);
  const bool too_large = value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(most);
  const auto number = too_large ? 0 : value.get<std::int64_t>();
  if (too_large || number < least || number > most) return fault("\"{}\" is not from {} to {}", what, least, most);
  return number;
}

Result<std::int64_t> whole_in(const Json& object, const char* key, std::int64_t least, std::int64_t most) {
  return whole(*TRY(member(object, key)), key, least, most);
}

Result<const Json*> list_in(const Json& object, const char* key, std::size_t most) {
  const Json& list = *TRY(member(object, key));
  if (!list.is_array()) return fault("\"{}\" is no list", key);
  if (list.size() > most) return fault("\"{}\" has {} items", key, list.size());
  return &list;
}

Result<double> amount(const Json& value) {
  if (!value.is_number() || !(value.get<double>() >= 0)) return fault("evidence is not made of numbers from 0 on");
  return value.get<double>();
}

Json to_json(const serving::BanditEvidence& evidence) {
  Json versions = Json::array();
  for (const auto& [version, known] : evidence.versions) versions.push_back({version, known.trials, known.reward});
  return {{"as_of_us", evidence.as_of.us}, {"versions", std::move(versions)}};
}

Result<serving::BanditEvidence> evidence_of(const Json& json) {
  serving::BanditEvidence evidence;
  evidence.as_of.us = TRY(whole_in(json, "as_of_us", -kLargestNumber * 8, kLargestNumber * 8));
  for (const Json& row : *TRY(list_in(json, "versions", kMostFiles))) {
    if (!row.is_array() || row.size() != 3) return fault("evidence is not made of [version, trials, reward]");
    const auto version = TRY(whole(row[0], "version", 1, kLargestNumber));
    evidence.versions.push_back({version, {TRY(amount(row[1])), TRY(amount(row[2]))}});
  }
  return evidence;
}

Json to_json(const std::vector<serving::MemberVersion>& members) {
  Json list = Json::array();
  for (const auto& [model, version] : members) list.push_back({{"model", model}, {"version", version}});
  return list;
}

Json to_json(const FeatureState& features) {
  Json inputs = Json::array();
  for (const auto& [name, type] : features.inputs) inputs.push_back({{"name", name}, {"type", duck::type_name(type)}});
  return {{"service", features.service}, {"inputs", std::move(inputs)}, {"features", features.features}};
}

Result<FeatureState> features_of(const Json& json) {
  FeatureState features{.service = TRY(text_in(json, "service"))};
  for (const Json& input : *TRY(list_in(json, "inputs", kMostColumns))) {
    const auto type = duck::find_type(TRY(text_in(input, "type")));
    if (!type) return fault("an input has a type that is none");
    features.inputs.push_back({TRY(text_in(input, "name")), *type});
  }
  for (const Json& feature : *TRY(list_in(json, "features", kMostColumns))) {
    if (!feature.is_string()) return fault("a feature has no name");
    features.features.push_back(feature.get<std::string>());
  }
  if (features.inputs.empty() || features.features.empty()) return fault("a feature service has no columns");
  return features;
}

Json to_json(const EndpointState& endpoint) {
  return {{"name", endpoint.name},
          {"document", endpoint.document},
          {"routes", dump_json(serving::to_json(endpoint.routes))},
          {"arms", endpoint.arms},
          {"shadows", endpoint.shadows},
          {"members", to_json(endpoint.members)},
          {"features", endpoint.features ? to_json(*endpoint.features) : Json(nullptr)},
          {"evidence", endpoint.evidence ? to_json(*endpoint.evidence) : Json(nullptr)},
          {"unloaded", endpoint.unloaded}};
}

Result<std::map<std::string, std::int64_t>> versions_in(const Json& object, const char* key) {
  const Json& json = *TRY(member(object, key));
  if (!json.is_object()) return fault("\"{}\" is no object", key);
  std::map<std::string, std::int64_t> versions;
  for (const auto& [name, version] : json.items()) versions[name] = TRY(whole(version, "version", 1, kLargestNumber));
  return versions;
}

Result<EndpointState> endpoint_of(const Json& json) {
  constexpr std::size_t kLongestDocument = std::size_t{1} << 20;
  EndpointState endpoint{.name = TRY(text_in(json, "name")),
                         .document = TRY(text_in(json, "document", kLongestDocument)),
                         .routes = TRY(serving::parse_routes(TRY(text_in(json, "routes", kLongestDocument)))),
                         .arms = TRY(versions_in(json, "arms")),
                         .shadows = TRY(versions_in(json, "shadows"))};
  for (const Json& member : *TRY(list_in(json, "members", kMostFiles)))
    endpoint.members.push_back({TRY(text_in(member, "model")), TRY(whole_in(member, "version", 1, kLargestNumber))});
  if (!serving::is_route_name(endpoint.name)) return fault("\"{}\" is no name of an endpoint", endpoint.name);
  if (const Json& features = *TRY(member(json, "features")); !features.is_null())
    endpoint.features = TRY(features_of(features));
  if (const Json& evidence = *TRY(member(json, "evidence")); !evidence.is_null())
    endpoint.evidence = TRY(evidence_of(evidence));
  const Json& unloaded = *TRY(member(json, "unloaded"));
  if (!unloaded.is_boolean()) return fault("\"unloaded\" is neither true nor false");
  endpoint.unloaded = unloaded.get<bool>();
  return endpoint;
}

Json to_json(const VersionState& version) {
  Json files = Json::array();
  for (const auto& [path, size, sha256] : version.files)
    files.push_back({{"path", path}, {"size", size}, {"sha256", sha256}});
  return {{"model", version.model}, {"version", version.version}, {"files", std::move(files)}};
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<ModelFile> file_of(const Json& json) {
  ModelFile file{.path = TRY(text_in(json, "path", kLongestPath)),
                 .size = static_cast<std::uint64_t>(TRY(whole_in(json, "size", 0, kLargestFile))),
                 .sha256 = TRY(text_in(json, "sha256"))};
  // A key of a store begins with no dot; a folder may have such files.
  if (const auto checked = blob::check_key("folder/" + file.path); !checked)
    return fault("\"{}\" is no path within a folder", file.path);
  if (!is_sha256(file.sha256)) return fault("\"{}\" is no SHA-256", file.sha256);
  return file;
}

// A file is not a folder as well, and stands there once. The files are sorted.
Result<void> check_paths(const VersionState& version) {
  std::set<std::string, std::less<>> paths;
  for (const ModelFile& file : version.files)
    if (!paths.insert(file.path).second) return fault("the file \"{}\" is there twice", file.path);
  for (const ModelFile& file : version.files)
    for (auto slash = file.path.find('/'); slash != std::string::npos; slash = file.path.find('/', slash + 1))
      if (paths.contains(std::string_view(file.path).substr(0, slash)))
        return fault("\"{}\" lies below a file", file.path);
  return {};
}

Result<VersionState> version_of(const Json& json, std::size_t most_files) {
  VersionState version{.model = TRY(text_in(json, "model")),
                       .version = TRY(whole_in(json, "version", 1, kLargestNumber))};
  for (const Json& file : *TRY(list_in(json, "files", most_files))) version.files.push_back(TRY(file_of(file)));
  std::ranges::sort(version.files, {}, &ModelFile::path);
  TRY(check_paths(version));
  return version;
}

Result<void> check_once(const ServingState& state) {
  std::set<std::string> names;
  for (const EndpointState& endpoint : state.endpoints)
    if (!names.insert(endpoint.name).second) return fault("endpoint {} is there twice", endpoint.name);
  std::set<std::pair<std::string, std::int64_t>> versions;
  for (const VersionState& version : state.versions)
    if (!versions.emplace(version.model, version.version).second)
      return fault("version {} of model {} is there twice", version.version, version.model);
  return {};
}

Result<ServingState> state_of(const Json& json) {
  ServingState state;
  if (const Json& time = *TRY(member(json, "event_time_us")); !time.is_null())
    state.event_time = Timestamp{TRY(whole(time, "event_time_us", -kLargestNumber * 8, kLargestNumber * 8))};
  for (const Json& endpoint : *TRY(list_in(json, "endpoints", kMostEndpoints)))
    state.endpoints.push_back(TRY(endpoint_of(endpoint)));
  std::size_t files_left = kMostFiles;
  for (const Json& version : *TRY(list_in(json, "versions", kMostFiles))) {
    state.versions.push_back(TRY(version_of(version, files_left)));
    files_left -= state.versions.back().files.size();
  }
  TRY(check_once(state));
  return state;
}

}  // namespace

std::string digest_of(const std::vector<ModelFile>& files) {
  Hasher hasher;
  for (const ModelFile& file : files) hasher.add_field(file.path).add_field(file.sha256);
  return hasher.finish();
}

const VersionState* ServingState::find_version(std::string_view model, std::int64_t version) const {
  const auto found = std::ranges::find_if(
      versions, [&](const VersionState& known) { return known.model == model && known.version == version; });
  return found == versions.end() ? nullptr : &*found;
}

std::string to_text(const ServingState& state) {
  Json endpoints = Json::array(), versions = Json::array();
  for (const EndpointState& endpoint : state.endpoints) endpoints.push_back(to_json(endpoint));
  for (const VersionState& version : state.versions) versions.push_back(to_json(version));
  return dump_json(Json{{"event_time_us", state.event_time ? Json(state.event_time->us) : Json(nullptr)},
                        {"endpoints", std::move(endpoints)},
                        {"versions", std::move(versions)}});
}

std::string to_text(std::int64_t generation, std::string_view state_text) {
  return fmt::format("{{\"format\":1,\"generation\":{},\"state\":{}}}", generation, state_text);
}

std::string etag_of(std::string_view text) { return fmt::format("\"{}\"", sha256(text).substr(0, 32)); }

Result<NumberedState> parse_state(std::string_view text) {
  const Json json = TRY(parse_json(text));
  const auto format = TRY(whole_in(json, "format", 1, kLargestNumber));
  if (format != 1) {
    return failed_precondition("the serving state has format {}, which this program does not know; run the server's",
                               format);
  }
  return NumberedState{TRY(whole_in(json, "generation", 1, kLargestNumber)),
                       TRY(state_of(*TRY(member(json, "state"))))};
}

}  // namespace millrace::replicas
