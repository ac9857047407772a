#include "tracking/retention.h"

#include <algorithm>
#include <boost/describe.hpp>
#include <limits>
#include <map>

#include "db/db.h"
#include "tracking/entities.h"

namespace millrace::tracking {

namespace {

struct RuleRow {
  std::int64_t experiment = 0;
  std::string name;
  LifecycleStage stage = LifecycleStage::kActive;
  Timestamp last_update;
  std::string key;
  std::string value;
};
BOOST_DESCRIBE_STRUCT(RuleRow, (), (experiment, name, stage, last_update, key, value))

struct OldRow {
  std::int64_t number = 0;
  std::string id;
  std::string name;
  RunStatus status = RunStatus::kFinished;
  Timestamp ended;
  LifecycleStage stage = LifecycleStage::kActive;
  std::optional<Timestamp> deleted_time;
};
BOOST_DESCRIBE_STRUCT(OldRow, (), (number, id, name, status, ended, stage, deleted_time))

// Before which the rule applies; nothing is, without one.
Timestamp limit_of(const std::optional<Duration>& rule, Timestamp now) {
  return rule ? now - *rule : Timestamp{std::numeric_limits<std::int64_t>::min()};
}

}  // namespace

// An experiment with a rule.
struct Retention::Subject {
  std::int64_t number = 0;
  std::string name;
  LifecycleStage stage = LifecycleStage::kActive;
  Timestamp last_update;
  RetentionRules rules;
};

Result<std::vector<Retention::Subject>> Retention::subjects() const {
  std::vector<Subject> subjects;
  for (RuleRow& row : TRY(database_.query<RuleRow>(R"sql(
select experiments.id, experiments.name, experiments.lifecycle_stage, experiments.last_update_time,
       experiment_tags.key, experiment_tags.value
from experiment_tags
join experiments on experiments.id = experiment_tags.experiment_id
where experiment_tags.key = ? or experiment_tags.key = ?
order by experiments.id
)sql",
                                                   kDeleteRunsTag, kEraseDeletedTag))) {
    const auto time = retention_time(row.key, row.value);
    if (!time) continue;  // a tag of before it had a meaning
    if (subjects.empty() || subjects.back().number != row.experiment) {
      subjects.push_back({row.experiment, std::move(row.name), row.stage, row.last_update, {}});
    }
    RetentionRules& rules = subjects.back().rules;
    (row.key == kDeleteRunsTag ? rules.delete_runs_after : rules.erase_deleted_after) = *time;
  }
  return subjects;
}

Result<std::vector<RetentionItem>> Retention::plan() const {
  const Needs needs = TRY(housekeeping_.needs());
  std::vector<RetentionItem> items;
  for (const Subject& subject : TRY(subjects())) {
    TRY(judge_runs(subject, needs, items));
    TRY(judge_experiment(subject, needs, items));
  }
  return items;
}

Result<void> Retention::judge_runs(const Subject& subject, const Needs& needs,
                                   std::vector<RetentionItem>& items) const {
  const Timestamp now = clock_.now();
  for (OldRow& row : TRY(database_.query<OldRow>(R"sql(
select number, id, name, status, coalesce(end_time, start_time), lifecycle_stage, deleted_time
from runs
where experiment_id = ?
  and ((lifecycle_stage = 'deleted' and deleted_time < ?)
       or (lifecycle_stage = 'active' and coalesce(end_time, start_time) < ?))
order by number
)sql",
                                                 subject.number, limit_of(subject.rules.erase_deleted_after, now),
                                                 limit_of(subject.rules.delete_runs_after, now)))) {
    const bool deleted = row.stage == LifecycleStage::kDeleted;
    Judgement judgement = judge({.status = row.status,
                                 .ended = row.ended,
                                 .deleted = deleted ? row.deleted_time : std::nullopt,
                                 .needed_by = TRY(housekeeping_.run_needed_by(row.number, needs))},
                                subject.rules, now);
    if (judgement.reason.empty()) continue;
    items.push_back({.kind = "run",
                     .id = std::move(row.id),
                     .name = std::move(row.name),
                     .experiment = subject.name,
                     .fate = judgement.fate,
                     .reason = std::move(judgement.reason),
                     .number = row.number});
  }
  return {};
}

// A deleted experiment goes with the last of its runs.
Result<void> Retention::judge_experiment(const Subject& subject, const Needs& needs,
                                         std::vector<RetentionItem>& items) const {
  if (subject.stage != LifecycleStage::kDeleted || subject.number == 0) return {};
  const auto runs =
      TRY(database_.query<std::int64_t>("select count(*) from runs where experiment_id = ?", subject.number)).front();
  const auto erased = std::ranges::count_if(
      items, [&](const RetentionItem& item) { return item.experiment == subject.name && item.fate == Fate::kErase; });
  if (erased != runs) return {};
  Judgement judgement = judge({.ended = {},
                               .deleted = subject.last_update,
                               .needed_by = TRY(housekeeping_.experiment_needed_by(subject.number, needs))},
                              subject.rules, clock_.now());
  if (judgement.reason.empty()) return {};
  items.push_back({.kind = "experiment",
                   .id = fmt::format("{}", subject.number),
                   .name = subject.name,
                   .experiment = subject.name,
                   .fate = judgement.fate,
                   .reason = std::move(judgement.reason),
                   .number = subject.number});
  return {};
}

Result<std::vector<RetentionItem>> Retention::apply() {
  std::vector<RetentionItem> items = TRY(plan());
  std::erase_if(items, [](const RetentionItem& item) { return item.fate == Fate::kKeep; });
  for (const RetentionItem& item : items) {
    if (item.kind == "experiment") {
      TRY(housekeeping_.erase_experiment(item.number, item.reason));
    } else if (item.fate == Fate::kErase) {
      TRY(housekeeping_.erase_run(item.number, item.reason));
    } else {
      TRY(housekeeping_.delete_run(item.number, item.reason));
    }
  }
  return items;
}

}  // namespace millrace::tracking
