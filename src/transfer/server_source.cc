#include "transfer/server_source.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/files.h"
#include "base/json.h"
#include "net/client.h"
#include "transfer/http.h"
#include "transfer/server_target.h"
#include "transfer/wire.h"

namespace millrace::transfer {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kArtifacts = "mlflow-artifacts:/";
constexpr std::uint64_t kPiece = std::uint64_t{16} << 20;

class ServerSource final : public Source {
 public:
  explicit ServerSource(net::Client client) : client_(std::move(client)) {}

  const std::string& place() const override { return client_.base_url(); }

  Result<std::vector<tracking::Experiment>> experiments() override {
    return list<tracking::Experiment>("/api/v1/records/experiments");
  }
  Result<std::vector<std::string>> run_ids(const std::string& experiment_id) override {
    return ids("runs", experiment_id);
  }
  Result<tracking::Run> run(const std::string& id) override {
    tracking::Run run;
    TRY(from_json(TRY(member(record("runs", id), "run")), run));
    return run;
  }
  Result<std::map<std::string, std::int64_t>> count_points(const std::string& run_id) override {
    std::map<std::string, std::int64_t> counts;
    TRY(from_json(TRY(member(record("runs", run_id), "points")), counts));
    return counts;
  }
  Result<std::vector<tracking::Metric>> points(const std::string& run_id, const std::string& key) override {
    std::vector<Series> series;
    TRY(from_json(TRY(member(record("runs", run_id) + "/points?key=" + net::encode_component(key), "series")), series));
    return to_points(series);
  }
  Result<std::vector<std::string>> logged_model_ids(const std::string& experiment_id) override {
    return ids("logged-models", experiment_id);
  }
  Result<tracking::LoggedModel> logged_model(const std::string& id) override {
    tracking::LoggedModel model;
    TRY(from_json(TRY(get(record("logged-models", id))), model));
    return model;
  }
  Result<std::vector<std::string>> trace_ids(const std::string& experiment_id) override {
    return ids("traces", experiment_id);
  }
  Result<TraceRecord> trace(const std::string& id) override {
    TraceRecord trace;
    TRY(from_json(TRY(get(record("traces", id))), trace));
    return trace;
  }
  Result<std::vector<EvaluationSet>> evaluation_sets() override {
    return list<EvaluationSet>("/api/v1/records/evaluation-datasets");
  }
  Result<std::vector<registry::Model>> models() override { return list<registry::Model>("/api/v1/records/models"); }
  Result<std::vector<registry::ModelVersion>> versions(const std::string& model) override {
    return list<registry::ModelVersion>("/api/v1/records/versions?model=" + net::encode_component(model));
  }

  Result<std::optional<std::vector<SourceFile>>> files(const std::string& uri) override {
    if (!uri.starts_with(kArtifacts)) return std::nullopt;
    std::vector<SourceFile> files;
    TRY(add_files(uri.substr(kArtifacts.size()), "", files));
    std::ranges::sort(files, {}, &SourceFile::path);
    return files;
  }

  Result<fs::path> fetch(const std::string& uri, const SourceFile& file) override {
    if (!uri.starts_with(kArtifacts)) return not_found("{} is not in {}", uri, place());
    const std::string target = fmt::format("/api/2.0/mlflow-artifacts/artifacts/{}",
                                           encode_path(uri.substr(kArtifacts.size()) + "/" + file.path));
    const fs::path copy = scratch_.path() / "file";
    std::ofstream out(copy, std::ios::binary | std::ios::trunc);
    for (std::uint64_t begin = 0; begin < file.size; begin += kPiece) {
      const auto end = std::min(file.size, begin + kPiece) - 1;
      const auto piece = TRY(checked(client_.send(
          {.method = "GET", .target = target, .headers = {{"Range", fmt::format("bytes={}-{}", begin, end)}}})));
      out << piece.body;
    }
    out.close();
    if (!out) return std::unexpected(errno_error("write", copy));
    return copy;
  }

  Result<std::vector<LeftBehind>> left_behind() override { return std::vector<LeftBehind>(); }

 private:
  static std::string record(std::string_view resource, const std::string& id) {
    return fmt::format("/api/v1/records/{}/{}", resource, net::encode_component(id));
  }

  Result<Json> get(const std::string& target) {
    const auto answer = TRY(checked(client_.send({.method = "GET", .target = target})));
    return parse_json(answer.body);
  }

  Result<Json> member(const std::string& target, const char* name) {
    Json answer = TRY(get(target));
    if (!answer.is_object() || !answer.contains(name)) return not_found("{} has no {}", target, name);
    return std::move(answer[name]);
  }

  Result<std::vector<std::string>> ids(std::string_view resource, const std::string& experiment_id) {
    std::vector<std::string> found;
    const std::string target =
        fmt::format("/api/v1/records/{}?experiment_id={}", resource, net::encode_component(experiment_id));
    for (const Json& id : TRY(member(target, "items"))) {
      if (id.is_string()) found.push_back(id.get<std::string>());
    }
    return found;
  }

  template <typename Record>
  Result<std::vector<Record>> list(const std::string& target) {
    std::vector<Record> records;
    for (const Json& item : TRY(member(target, "items"))) TRY(from_json(item, records.emplace_back()));
    return records;
  }

  Result<void> add_files(const std::string& root, const std::string& folder, std::vector<SourceFile>& files) {
    const std::string path = folder.empty() ? root : root + "/" + folder;
    const Json answer = TRY(get("/api/2.0/mlflow-artifacts/artifacts?path=" + net::encode_component(path)));
    if (!answer.is_object() || !answer.contains("files")) return {};
    for (const Json& entry : answer["files"]) {
      const std::string name = entry.value("path", "");
      const std::string below = folder.empty() ? name : folder + "/" + name;
      if (name.empty() || name.contains('/')) continue;
      if (entry.value("is_dir", false)) {
        TRY(add_files(root, below, files));
      } else {
        files.push_back({.path = below, .size = entry.value("file_size", std::uint64_t{0})});
      }
    }
    return {};
  }

  net::Client client_;
  TemporaryDirectory scratch_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_server_source(const SourceOptions& options) {
  auto client = TRY(net::Client::open(options.uri, {.bearer = options.token, .trust = {.ca_file = options.ca_file}}));
  return std::make_unique<ServerSource>(std::move(client));
}

}  // namespace millrace::transfer
