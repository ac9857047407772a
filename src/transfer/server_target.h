#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "net/client.h"
#include "transfer/target.h"

namespace millrace::transfer {

// A Millrace server elsewhere, by its API (docs/formats/records.md).
class ServerTarget final : public Target {
 public:
  static Result<std::unique_ptr<ServerTarget>> open(std::string_view url, net::ClientOptions options);

  const std::string& place() const override { return client_.base_url(); }
  Result<std::map<std::string, std::string>> fingerprints(Kind kind, const std::vector<std::string>& ids) override;
  Result<void> remember(Kind kind, const std::string& id, const std::string& fingerprint) override;
  Result<std::string> put_experiment(const tracking::Experiment& experiment) override;
  Result<void> put_experiment_stage(const std::string& id, tracking::LifecycleStage stage) override;
  Result<HeldRun> held_run(const std::string& id) override;
  Result<std::string> put_run(const tracking::Run& run) override;
  Result<std::map<std::string, std::int64_t>> put_points(const std::string& run_id,
                                                         const std::vector<Series>& series) override;
  Result<std::string> put_logged_model(const tracking::LoggedModel& model) override;
  Result<void> put_trace(const TraceRecord& record) override;
  Result<void> put_evaluation_set(const EvaluationSet& set) override;
  Result<void> put_model(const registry::Model& model) override;
  Result<std::int64_t> put_version(const registry::ModelVersion& version, const std::string& key) override;
  Result<void> put_alias(const std::string& model, const registry::Alias& alias) override;
  Result<bool> put_file(const std::string& folder_uri, const std::string& path,
                        const std::filesystem::path& file) override;

 private:
  explicit ServerTarget(net::Client client) : client_(std::move(client)) {}
  Result<Json> call(std::string_view method, const std::string& target, const Json& body);
  Result<net::ClientResponse> send(const net::ClientRequest& request);

  net::Client client_;
};

// A path with all but its slashes percent-encoded.
std::string encode_path(std::string_view path);

}  // namespace millrace::transfer
