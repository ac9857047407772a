#include "monitoring/labels.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <mutex>
#include <shared_mutex>

#include "datasets/log_dataset.h"

namespace millrace::monitoring {
namespace {

datasets::LogDatasetSpec log_spec(const std::string& endpoint) {
  return {.name = Labels::dataset_name(endpoint),
          .description = fmt::format("the truth about the predictions of endpoint {}", endpoint),
          .columns = {{"id", duck::Type::kVarchar},
                      {"event_time", duck::Type::kTimestamp},
                      {"value", duck::Type::kDouble},
                      {"revision", duck::Type::kVarchar}},
          .event_time = "event_time",
          .key = "revision"};
}

Result<void> check(const Label& label) {
  if (label.id.empty()) return invalid_argument("a label needs the id of its prediction");
  if (!std::isfinite(label.value)) return invalid_argument("the label of prediction {} must be a number", label.id);
  return {};
}

}  // namespace

Labels::Labels(datasets::Datasets& datasets) : datasets_(datasets) {}
Labels::~Labels() = default;

std::string Labels::dataset_name(std::string_view endpoint) { return fmt::format("{}.labels", endpoint); }

Result<datasets::LogDataset*> Labels::log_of(const std::string& endpoint) {
  {
    const std::shared_lock lock(mutex_);
    const auto found = logs_.find(endpoint);
    if (found != logs_.end()) return found->second.get();
  }
  const std::unique_lock lock(mutex_);
  auto& log = logs_[endpoint];
  if (!log) {
    auto opened = datasets::LogDataset::open(datasets_, log_spec(endpoint));
    if (!opened) {
      logs_.erase(endpoint);
      return std::unexpected(opened.error());
    }
    log = std::move(*opened);
  }
  return log.get();
}

Result<void> Labels::add(const std::string& endpoint, std::span<const Label> labels) {
  for (const Label& label : labels) TRY(check(label));
  datasets::LogDataset* log = TRY(log_of(endpoint));
  std::string revision;
  for (const Label& label : labels) {
    revision.assign(label.id).append("@").append(fmt::format_int(label.event_time.us).c_str());
    const std::array<datasets::Value, 4> row{datasets::Value::of(label.id), datasets::Value::of(label.event_time),
                                             datasets::Value::of(label.value),
                                             datasets::Value::of(std::string_view(revision))};
    TRY(log->append(row));
  }
  return {};
}

Result<void> Labels::commit(const std::string& endpoint) {
  datasets::LogDataset* log = TRY(log_of(endpoint));
  TRY(log->commit());
  return {};
}

}  // namespace millrace::monitoring
