#include "openlineage/message.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/hash.h"

namespace millrace::openlineage {

namespace {

constexpr std::array<std::string_view, 6> kEventTypes = {"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"};
constexpr std::size_t kLongestDocumentation = 20'000;

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// Reads one object of the event; the first fault is kept.
class Reader {
 public:
  std::string text(const Json& object, const std::string& place, std::string_view key) {
    const auto found = object.find(key);
    if (found == object.end()) return fault("{} is missing", at(place, key));
    if (!found->is_string() || found->get_ref<const std::string&>().empty())
      return fault("{} must be a string that is not empty", at(place, key));
    if (found->get_ref<const std::string&>().size() > kLongestName)
      return fault("{} has more than {} bytes", at(place, key), kLongestName);
    return found->get<std::string>();
  }

  std::string optional_text(const Json& object, std::string_view key, std::size_t most = kLongestName) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    if (!object.is_object() || found == object.end() || !found->is_string()) return {};
    return found->get<std::string>().substr(0, most);
  }

  Json object(const Json& event, const std::string& place, std::string_view key) {
    const auto found = event.find(key);
    if (found == event.end()) return fault("{} is missing", at(place, key)), Json::object();
    if (!found->is_object()) return fault("{} must be an object", at(place, key)), Json::object();
    return *found;
  }

  // A facet of a run, a job or a dataset; null where it is not there.
  Json facet(const Json& owner, const std::string& place, std::string_view name) {
    const auto facets = owner.find("facets");
    if (facets == owner.end() || facets->is_null()) return nullptr;
    if (!facets->is_object()) return fault("{} must be an object", at(place, "facets")), Json();
    const auto found = facets->find(name);
    if (found == facets->end() || found->is_null()) return nullptr;
    if (!found->is_object()) return fault("{}.facets.{} must be an object", place, name), Json();
    return *found;
  }

  JobRef job(const Json& event) {
    const auto job = object(event, "", "job");
    return {text(job, "job", "namespace"), text(job, "job", "name")};
  }

  DatasetRef dataset(const Json& dataset, const std::string& place) {
    if (!dataset.is_object()) {
      fault("{} must be an object", place);
      return {};
    }
    DatasetRef ref{.name_space = text(dataset, place, "namespace"), .name = text(dataset, place, "name")};
    ref.version = optional_text(facet(dataset, place, "version"), "datasetVersion");
    if (const auto schema = facet(dataset, place, "schema"); schema.is_object() && schema.contains("fields")) {
      if (!schema["fields"].is_array()) fault("{}.facets.schema.fields must be a list", place);
      ref.fields = schema["fields"];
    }
    return ref;
  }

  std::vector<DatasetRef> datasets(const Json& event, const std::string& key) {
    std::vector<DatasetRef> refs;
    const auto found = event.find(key);
    if (found == event.end() || found->is_null()) return refs;
    if (!found->is_array()) return fault("{} must be a list", key), refs;
    if (found->size() > kMostDatasets) return fault("{} has more than {} datasets", key, kMostDatasets), refs;
    for (std::size_t i = 0; i < found->size(); ++i) {
      refs.push_back(dataset((*found)[i], fmt::format("{}[{}]", key, i)));
    }
    return refs;
  }

  template <typename... Args>
  std::string fault(fmt::format_string<Args...> format, Args&&... args) {
    if (!fault_) fault_ = Error{Code::kInvalidArgument, fmt::format(format, std::forward<Args>(args)...)};
    return {};
  }

  Result<void> finish() const {
    if (fault_) return std::unexpected(*fault_);
    return {};
  }

 private:
  static std::string at(const std::string& place, std::string_view key) {
    return place.empty() ? std::string(key) : fmt::format("{}.{}", place, key);
  }

  std::optional<Error> fault_;
};

Timestamp read_time(Reader& reader, const Json& event) {
  const auto text = reader.text(event, "", "eventTime");
  if (text.empty()) return {};
  const auto time = parse_time(text);
  if (!time) reader.fault("eventTime \"{}\" is no ISO 8601 time with a zone, such as 2026-01-31T12:00:00Z", text);
  return time.value_or(Timestamp{});
}

void read_run(Reader& reader, const Json& event, Message& message) {
  const auto run = reader.object(event, "", "run");
  message.run_id = lower(reader.text(run, "run", "runId"));
  if (!message.run_id.empty() && !is_uuid(message.run_id)) reader.fault("run.runId \"{}\" is no UUID", message.run_id);
  if (const auto type = event.find("eventType"); type != event.end() && !type->is_null()) {
    message.event_type = type->is_string() ? type->get<std::string>() : dump_json(*type);
    if (std::ranges::find(kEventTypes, message.event_type) == kEventTypes.end())
      reader.fault("eventType {} is none of START, RUNNING, COMPLETE, ABORT, FAIL, OTHER", message.event_type);
  }
  const auto parent = reader.facet(run, "run", "parent");
  if (parent.is_object() && parent.contains("run"))
    message.parent_run = lower(reader.optional_text(parent["run"], "runId"));
}

}  // namespace

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : std::isxdigit(static_cast<unsigned char>(text[i])) == 0) return false;
  }
  return true;
}

std::string uuid_of(std::string_view id) {
  if (is_uuid(id)) return lower(id);
  std::string digits = id.size() == 32 && is_hex(id) ? lower(id) : sha256(id).substr(0, 32);
  if (digits != lower(id)) digits[12] = '8', digits[16] = "89ab"[digits[16] % 4];  // RFC 9562: version 8
  for (const std::size_t at : {8, 13, 18, 23}) digits.insert(at, 1, '-');
  return digits;
}

Result<Message> read_message(const Json& event) {
  if (!event.is_object()) return invalid_argument("the event must be a JSON object");
  Reader reader;
  Message message{.event_time = read_time(reader, event)};
  reader.text(event, "", "producer");
  reader.text(event, "", "schemaURL");
  if (event.contains("run")) {
    read_run(reader, event, message);
  } else if (event.contains("dataset")) {
    message.kind = MessageKind::kDataset;
    message.dataset = reader.dataset(event["dataset"], "dataset");
  } else if (event.contains("job")) {
    message.kind = MessageKind::kJob;
  } else {
    reader.fault("the event has none of run, dataset, job: it is no RunEvent, DatasetEvent or JobEvent");
  }
  if (message.kind != MessageKind::kDataset) {
    message.job = reader.job(event);
    message.inputs = reader.datasets(event, "inputs");
    message.outputs = reader.datasets(event, "outputs");
    if (event.contains("job") && event["job"].is_object()) {
      message.documentation = reader.optional_text(reader.facet(event["job"], "job", "documentation"), "description",
                                                   kLongestDocumentation);
    }
  }
  TRY(reader.finish());
  return message;
}

}  // namespace millrace::openlineage
