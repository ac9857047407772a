#include "tracking/heartbeats.h"

#include <boost/describe.hpp>
#include <string>
#include <utility>

#include "base/log.h"
#include "db/db.h"
#include "tracking/tracking.h"

namespace millrace::tracking {

namespace {

struct TimeoutRow {
  std::int64_t experiment = 0;
  std::string timeout;
};
BOOST_DESCRIBE_STRUCT(TimeoutRow, (), (experiment, timeout))

struct RunningRow {
  std::int64_t number = 0;
  std::string id;
};
BOOST_DESCRIBE_STRUCT(RunningRow, (), (number, id))

}  // namespace

Result<Duration> heartbeat_timeout(std::string_view tag) {
  const auto timeout = parse_duration(tag);
  if (timeout && timeout->count() > 0) return timeout;
  return invalid_argument("Invalid value '{}' for tag '{}': it must be a time like 90s, 10m or 2h.", tag,
                          kHeartbeatTag);
}

void Heartbeats::note(std::int64_t experiment, std::int64_t run) {
  const std::lock_guard lock(mutex_);
  if (const auto found = watched_.find(experiment); found != watched_.end()) found->second.heard[run] = clock_.now();
}

// Which experiments have the tag now.
Result<void> Heartbeats::refresh() {
  const auto rows = TRY(database_.query<TimeoutRow>(
      "select experiment_id, value from experiment_tags where key = ? order by experiment_id", kHeartbeatTag));
  std::map<std::int64_t, Watched> fresh;
  const std::lock_guard lock(mutex_);
  for (const TimeoutRow& row : rows) {
    const auto timeout = heartbeat_timeout(row.timeout);
    if (!timeout) continue;  // a tag of before it had a meaning
    fresh[row.experiment] = {*timeout, std::move(watched_[row.experiment].heard)};
  }
  watched_ = std::move(fresh);
  return {};
}

Result<int> Heartbeats::end_silent_runs() {
  TRY(refresh());
  std::vector<std::pair<std::int64_t, Duration>> experiments;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [experiment, watched] : watched_) experiments.emplace_back(experiment, watched.timeout);
  }
  int ended = 0;
  for (const auto& [experiment, timeout] : experiments) ended += TRY(end_silent_runs(experiment, timeout));
  return ended;
}

// A run that is met for the first time is heard of now. Those that no longer run are forgotten.
Result<int> Heartbeats::end_silent_runs(std::int64_t experiment, Duration timeout) {
  const auto running = TRY(database_.query<RunningRow>(R"sql(
select number, id
from runs
where experiment_id = ? and status = 'RUNNING' and lifecycle_stage = 'active'
)sql",
                                                       experiment));
  const Timestamp now = clock_.now();
  std::vector<std::pair<std::string, Timestamp>> silent;
  {
    const std::lock_guard lock(mutex_);
    std::map<std::int64_t, Timestamp>& heard = watched_[experiment].heard;
    std::map<std::int64_t, Timestamp> kept;
    for (const RunningRow& run : running) {
      const auto known = heard.find(run.number);
      const Timestamp last = known == heard.end() ? now : known->second;
      kept[run.number] = last;
      if (now - last > timeout) silent.emplace_back(run.id, last);
    }
    heard = std::move(kept);
  }
  for (const auto& [id, last] : silent) {
    const auto why =
        fmt::format("nothing was heard of it for {}, the last time at {}", format_duration(timeout), format_time(last));
    TRY(store_.update_run(id,
                          {.status = RunStatus::kFailed, .end_time = last, .tags = {{std::string(kSilentTag), why}}}));
    log::info("a run was ended", {{"run", id}, {"because", why}});
  }
  return static_cast<int>(silent.size());
}

}  // namespace millrace::tracking
