#include "transfer/server_target.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/hash.h"
#include "base/json.h"
#include "transfer/http.h"
#include "transfer/mapped_file.h"
#include "transfer/wire.h"

namespace millrace::transfer {

namespace {

constexpr Duration kTimeout = std::chrono::minutes(2);
constexpr std::string_view kRecords = "/api/v1/records/";
constexpr std::string_view kArtifacts = "mlflow-artifacts:/";
// A slow line still moves so many bytes in a second.
constexpr std::uint64_t kSlowest = 50'000;

std::string record(std::string_view resource, const std::string& id) {
  return fmt::format("{}{}/{}", kRecords, resource, net::encode_component(id));
}

std::string text_in(const Json& json, const char* name) {
  const auto found = json.is_object() ? json.find(name) : json.end();
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

// A millrace of before has no such routes, and says so without an error of ours.
Error explained(Error error, const std::string& place) {
  const bool foreign = error.message.starts_with("the server answered status");
  const bool passes = error.code == Code::kUnavailable || error.code == Code::kResourceExhausted;
  if (!foreign || passes) return error;
  return {Code::kUnimplemented, fmt::format("{} is no millrace server, or one that is too old to take records", place)};
}

}  // namespace

std::string encode_path(std::string_view path) {
  std::string out;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    if (begin > 0) out += '/';
    out += net::encode_component(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

Result<std::unique_ptr<ServerTarget>> ServerTarget::open(std::string_view url, net::ClientOptions options) {
  return std::unique_ptr<ServerTarget>(new ServerTarget(TRY(net::Client::open(url, std::move(options)))));
}

Result<net::ClientResponse> ServerTarget::send(const net::ClientRequest& request) {
  auto answer = checked(client_.send(request));
  if (!answer) return std::unexpected(explained(std::move(answer.error()), place()));
  return answer;
}

Result<Json> ServerTarget::call(std::string_view method, const std::string& target, const Json& body) {
  const std::string text = body.is_null() ? "" : dump_json(body);
  const auto answer = TRY(send({.method = method, .target = target, .body = text, .timeout = kTimeout}));
  auto json = parse_json(answer.body);
  if (!json) return fail(Code::kUnimplemented, "{} does not answer as a millrace server does", place());
  return json;
}

Result<std::map<std::string, std::string>> ServerTarget::fingerprints(Kind kind, const std::vector<std::string>& ids) {
  std::map<std::string, std::string> found;
  const Json answer =
      TRY(call("POST", fmt::format("{}fingerprints", kRecords), {{"kind", to_text(kind)}, {"ids", ids}}));
  const auto fingerprints = answer.find("fingerprints");
  if (fingerprints == answer.end() || !fingerprints->is_object()) return found;
  for (const auto& [id, fingerprint] : fingerprints->items()) {
    if (fingerprint.is_string()) found[id] = fingerprint.get<std::string>();
  }
  return found;
}

Result<void> ServerTarget::remember(Kind kind, const std::string& id, const std::string& fingerprint) {
  TRY(call("PUT", fmt::format("{}fingerprints", kRecords),
           {{"kind", to_text(kind)}, {"id", id}, {"fingerprint", fingerprint}}));
  return {};
}

Result<std::string> ServerTarget::put_experiment(const tracking::Experiment& experiment) {
  return text_in(TRY(call("PUT", fmt::format("{}experiments", kRecords), to_json(experiment))), "id");
}

Result<void> ServerTarget::put_experiment_stage(const std::string& id, tracking::LifecycleStage stage) {
  const auto* verb = stage == tracking::LifecycleStage::kDeleted ? "delete" : "restore";
  TRY(call("POST", fmt::format("/api/2.0/mlflow/experiments/{}", verb), {{"experiment_id", id}}));
  return {};
}

Result<HeldRun> ServerTarget::held_run(const std::string& id) {
  const auto answer = call("GET", record("runs", id), nullptr);
  if (!answer && answer.error().code == Code::kNotFound) return HeldRun{};
  HeldRun held{.there = true};
  if (TRY(answer).contains("points")) TRY(from_json((*answer)["points"], held.points));
  return held;
}

Result<std::string> ServerTarget::put_run(const tracking::Run& run) {
  return text_in(TRY(call("PUT", record("runs", run.id), to_json(run))), "artifact_uri");
}

Result<std::map<std::string, std::int64_t>> ServerTarget::put_points(const std::string& run_id,
                                                                     const std::vector<Series>& series) {
  const Json answer = TRY(call("POST", record("runs", run_id) + "/points", {{"series", to_json(series)}}));
  std::map<std::string, std::int64_t> counts;
  if (answer.contains("points")) TRY(from_json(answer["points"], counts));
  return counts;
}

Result<std::string> ServerTarget::put_logged_model(const tracking::LoggedModel& model) {
  return text_in(TRY(call("PUT", record("logged-models", model.id), to_json(model))), "artifact_uri");
}

Result<void> ServerTarget::put_trace(const TraceRecord& trace) {
  TRY(call("PUT", record("traces", trace.trace.info.id), to_json(trace)));
  return {};
}

Result<void> ServerTarget::put_evaluation_set(const EvaluationSet& set) {
  TRY(call("PUT", record("evaluation-datasets", set.dataset.id), to_json(set)));
  return {};
}

Result<void> ServerTarget::put_model(const registry::Model& model) {
  registry::Model told = model;
  told.aliases.clear();
  TRY(call("PUT", record("models", model.name), to_json(told)));
  return {};
}

Result<std::int64_t> ServerTarget::put_version(const registry::ModelVersion& version, const std::string& key) {
  const Json answer = TRY(call("PUT", record("versions", key), to_json(version)));
  const auto number = answer.find("version");
  return number != answer.end() && number->is_number_integer() ? number->get<std::int64_t>() : 0;
}

Result<void> ServerTarget::put_alias(const std::string& model, const registry::Alias& alias) {
  TRY(call("POST", "/api/2.0/mlflow/registered-models/alias",
           {{"name", model}, {"alias", alias.name}, {"version", std::to_string(alias.version)}}));
  return {};
}

// The entity tag of a file of the server's is the checksum of its bytes.
Result<bool> ServerTarget::put_file(const std::string& folder_uri, const std::string& path,
                                    const std::filesystem::path& file) {
  if (!folder_uri.starts_with(kArtifacts)) {
    return failed_precondition("{} keeps these artifacts in {}, where they must be copied by hand", place(),
                               folder_uri);
  }
  const std::string target = fmt::format("/api/2.0/mlflow-artifacts/artifacts/{}",
                                         encode_path(folder_uri.substr(kArtifacts.size()) + "/" + path));
  const auto known = client_.send({.method = "HEAD", .target = target, .timeout = kTimeout});
  if (!known) TRY(checked(known));
  if (known->status == 200 && known->header("ETag") == fmt::format("\"{}\"", TRY(sha256_file(file)))) return false;
  const auto mapped = TRY(MappedFile::open_copy(file));
  const auto patience = std::chrono::seconds(mapped.bytes().size() / kSlowest);
  TRY(send({.method = "PUT",
            .target = target,
            .body = mapped.bytes(),
            .content_type = "application/octet-stream",
            .timeout = kTimeout + patience}));
  return true;
}

}  // namespace millrace::transfer
