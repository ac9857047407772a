#include <nlohmann/json.hpp>

#include "app/steps/step.h"
#include "base/files.h"

namespace millrace::app {
namespace {

std::string format_of(const std::filesystem::path& path) {
  auto extension = path.extension().string();
  if (extension == ".csv") return "csv";
  if (extension == ".json") return "json";
  if (extension == ".ndjson" || extension == ".jsonl") return "ndjson";
  return "parquet";
}

}  // namespace

// The batch's id is its content's hash, so that a file is taken once, however often the step runs.
Result<void> run_ingest(StepRun& run) {
  auto* batch = TRY(run.input("batch"));
  auto dataset = TRY(run.string("dataset"));
  auto format = TRY(run.string_or("format", format_of(batch->path)));
  auto bytes = TRY(read_file(batch->path));
  auto target = api::target("/api/v1/datasets/{}/batches?batch_id={}&format={}", dataset, batch->hash, format);
  auto version = TRY(run.api().post_bytes(target, bytes, "application/octet-stream"));
  StepRun::say(fmt::format("dataset {} is at version {}: {} rows added, {} quarantined", dataset,
                           version.value("version", 0), version.value("rows", 0), version.value("quarantined", 0)));
  TRY(run.write_result(
      {{"version", version["version"]}, {"rows", version["rows"]}, {"quarantined", version["quarantined"]}}));
  return run.write_output("version", version);
}

}  // namespace millrace::app
