#pragma once

#include "transfer/intake.h"
#include "transfer/source.h"

namespace millrace::transfer {

// A Millrace of this process, as a source. Of artifacts it knows none: a server hands these out as files.
class HomeSource final : public Source {
 public:
  explicit HomeSource(Intake::Parts parts) : parts_(parts), intake_(parts) {}

  const std::string& place() const override { return intake_.place(); }
  Result<std::vector<tracking::Experiment>> experiments() override;
  Result<std::vector<std::string>> run_ids(const std::string& experiment_id) override;
  Result<tracking::Run> run(const std::string& id) override;
  Result<std::map<std::string, std::int64_t>> count_points(const std::string& run_id) override;
  Result<std::vector<tracking::Metric>> points(const std::string& run_id, const std::string& key) override;
  Result<std::vector<std::string>> logged_model_ids(const std::string& experiment_id) override;
  Result<tracking::LoggedModel> logged_model(const std::string& id) override;
  Result<std::vector<std::string>> trace_ids(const std::string& experiment_id) override;
  Result<TraceRecord> trace(const std::string& id) override;
  Result<std::vector<EvaluationSet>> evaluation_sets() override;
  Result<std::vector<registry::Model>> models() override;
  Result<std::vector<registry::ModelVersion>> versions(const std::string& model) override;
  Result<std::optional<std::vector<SourceFile>>> files(const std::string& uri) override;
  Result<std::filesystem::path> fetch(const std::string& uri, const SourceFile& file) override;
  Result<std::vector<LeftBehind>> left_behind() override { return std::vector<LeftBehind>(); }

  // All records of an evaluation dataset.
  Result<std::vector<tracking::EvaluationRecord>> records(const std::string& dataset_id);

 private:
  Intake::Parts parts_;
  Intake intake_;
};

}  // namespace millrace::transfer
