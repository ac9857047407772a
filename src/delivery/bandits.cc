#include "delivery/bandits.h"

#include "base/log.h"
#include "datasets/datasets.h"
#include "duck/duck.h"
#include "monitoring/monitoring.h"

namespace millrace::delivery {
namespace {

using serving::BanditEvidence;
using serving::BanditSpec;

// Each version's labelled predictions and their reward. Of several labels of a prediction the newest that was known
// counts.
std::string evidence_sql(const BanditSpec& bandit, const std::string& predictions, const std::string& labels,
                         Timestamp now) {
  const auto moment = [](Timestamp time) { return fmt::format("make_timestamp({})", time.us); };
  const std::string since =
      bandit.window ? fmt::format("and event_time > {}", moment({now.us - bandit.window->count()})) : "";
  return fmt::format(R"sql(
with known as (
  select id, arg_max(value, event_time) as label
  from {labels}
  where event_time <= {now}
  group by id
), drawn as (
  select *
  from {predictions}
  where split_part(route, '/', 2) in ('bandit', 'sticky', 'weight') and event_time <= {now} {since}
), rewarded as (
  select version, greatest(0.0, least(1.0, cast(({reward}) as double))) as reward
  from drawn join known using (id)
)
select version, cast(count(*) as double) as trials, sum(reward) as reward
from rewarded
where reward is not null and not isnan(reward)
group by version
order by version
)sql",
                     fmt::arg("labels", labels), fmt::arg("predictions", predictions), fmt::arg("now", moment(now)),
                     fmt::arg("since", since), fmt::arg("reward", bandit.reward));
}

}  // namespace

bool Bandits::due(const serving::EndpointStatus& status, Timestamp now) const {
  const auto& bandit = status.in_force.routes.bandit;
  if (!bandit || !status.version) return false;
  const auto waited = [&](Timestamp since) { return now.us - since.us >= bandit->every.count(); };
  const auto failed = failed_.find(status.spec.name);
  if (failed != failed_.end() && !waited(failed->second)) return false;
  return !status.in_force.evidence || waited(status.in_force.evidence->as_of);
}

Result<void> Bandits::advance(Timestamp now) {
  for (const auto& status : parts_.endpoints.list()) {
    if (!due(status, now)) continue;
    failed_.erase(status.spec.name);
    if (const auto updated = update(status, now); !updated) {
      failed_[status.spec.name] = now;
      log::warn("a bandit could not look at its labels",
                {{"endpoint", status.spec.name}, {"why", updated.error().message}});
    }
  }
  return {};
}

Result<void> Bandits::update(const serving::EndpointStatus& status, Timestamp now) {
  return parts_.endpoints.learn(status.spec.name, TRY(look(status, now)));
}

Result<BanditEvidence> Bandits::look(const serving::EndpointStatus& status, Timestamp now) {
  const std::string& name = status.spec.name;
  BanditEvidence evidence{.as_of = now};
  TRY(parts_.endpoints.commit_predictions(name));
  TRY(parts_.monitors.labels().commit(name));
  const auto predictions = parts_.datasets.version(status.log);
  const auto labels = parts_.datasets.version(monitoring::Labels::dataset_name(name));
  if (!predictions || !labels) return evidence;  // none yet
  auto connection = TRY(parts_.duck.connect());
  const auto table = TRY(connection.query(evidence_sql(*status.in_force.routes.bandit, datasets::scan_sql(*predictions),
                                                       datasets::scan_sql(*labels), now)));
  for (std::size_t row = 0; row < table.rows; ++row) {
    evidence.versions.push_back(
        {table.find("version")->ints[row], {table.find("trials")->doubles[row], table.find("reward")->doubles[row]}});
  }
  return evidence;
}

}  // namespace millrace::delivery
