#include "tracking/entities.h"

#include <array>
#include <utility>

namespace millrace::tracking {

namespace {

constexpr std::array<std::pair<RunStatus, std::string_view>, 5> kStatuses = {{
    {RunStatus::kRunning, "RUNNING"},
    {RunStatus::kScheduled, "SCHEDULED"},
    {RunStatus::kFinished, "FINISHED"},
    {RunStatus::kFailed, "FAILED"},
    {RunStatus::kKilled, "KILLED"},
}};

constexpr std::array<std::pair<LifecycleStage, std::string_view>, 2> kStages = {{
    {LifecycleStage::kActive, "active"},
    {LifecycleStage::kDeleted, "deleted"},
}};

template <typename Table, typename E>
std::string_view name_of(const Table& table, E wanted) {
  for (const auto& [value, name] : table) {
    if (value == wanted) return name;
  }
  return {};
}

template <typename Table, typename E>
bool find_name(const Table& table, std::string_view wanted, E& out) {
  for (const auto& [value, name] : table) {
    if (name != wanted) continue;
    out = value;
    return true;
  }
  return false;
}

}  // namespace

std::string_view to_text(RunStatus status) { return name_of(kStatuses, status); }
bool from_text(std::string_view text, RunStatus& status) { return find_name(kStatuses, text, status); }
std::string_view to_text(LifecycleStage stage) { return name_of(kStages, stage); }
bool from_text(std::string_view text, LifecycleStage& stage) { return find_name(kStages, text, stage); }

bool is_final(RunStatus status) { return status != RunStatus::kRunning && status != RunStatus::kScheduled; }

}  // namespace millrace::tracking
