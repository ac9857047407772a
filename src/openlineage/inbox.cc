#include "openlineage/inbox.h"

#include <boost/describe.hpp>
#include <nlohmann/json.hpp>

#include "base/actor.h"
#include "base/hash.h"
#include "db/db.h"
#include "lineage/graph.h"
#include "lineage/lineage.h"
#include "openlineage/message.h"
#include "openlineage/names.h"

namespace millrace::openlineage {

namespace {

// `job`: the node of its job, or empty. `digest`: of the whole event.
constexpr db::Migration kMigrations[] = {{1, R"sql(
create table openlineage_events (
  id integer primary key autoincrement,
  received integer not null,
  who text not null,
  job text not null,
  event_time integer not null,
  digest text not null unique,
  body text not null
) strict;
create index openlineage_events_by_job on openlineage_events (job, event_time);

create table openlineage_places (
  url text primary key,
  position integer not null
) strict, without rowid;
)sql"}};

struct ReceivedRow {
  std::int64_t id = 0;
  Timestamp received;
  std::string who;
  std::string body;
};
BOOST_DESCRIBE_STRUCT(ReceivedRow, (), (id, received, who, body))

constexpr int kMostListed = 1000;

std::string node_of_job(const Message& message) {
  return message.kind == MessageKind::kDataset ? std::string() : job_node(message.job);
}

lineage::Execution job_of(const Message& message) {
  lineage::Execution job{
      .id = job_node(message.job), .kind = "job", .name = message.job.name, .event_time = message.event_time};
  job.data = {{"namespace", message.job.name_space}};
  if (!message.event_type.empty()) job.data["state"] = message.event_type;
  if (!message.run_id.empty()) job.data["run"] = message.run_id;
  if (!message.documentation.empty()) job.data["documentation"] = message.documentation;
  return job;
}

}  // namespace

Result<std::unique_ptr<Inbox>> Inbox::open(Parts parts) {
  TRY(db::migrate(parts.database, "openlineage", kMigrations));
  return std::unique_ptr<Inbox>(new Inbox(std::move(parts)));
}

Result<void> Inbox::take(const Json& event) {
  const Message message = TRY(read_message(event));
  db::Transaction tx = TRY(parts_.database.begin());
  if (!TRY(keep(tx, message, event))) return {};
  if (message.dataset) {
    TRY(add_dataset(tx, *message.dataset));
  } else if (message.job.name_space != parts_.own_namespace) {
    TRY(add_job(tx, message));
  }
  return tx.commit();
}

// Whether it is new.
Result<bool> Inbox::keep(db::Transaction& tx, const Message& message, const Json& event) {
  const std::string body = dump_json(event);
  const auto kept =
      TRY(tx.execute(R"sql(
insert into openlineage_events (received, who, job, event_time, digest, body)
values (?, ?, ?, ?, ?, ?)
on conflict (digest) do nothing
)sql",
                     parts_.clock.now(), acting_for(), node_of_job(message), message.event_time, sha256(body), body));
  return kept > 0;
}

// What came late adds edges, and does not change what the job says of its last run.
Result<void> Inbox::add_job(db::Transaction& tx, const Message& message) {
  const std::string node = job_node(message.job);
  const auto later = TRY(tx.query<std::int64_t>(
      "select count(*) from openlineage_events where job = ? and event_time > ?", node, message.event_time));
  if (later.front() == 0) TRY(parts_.lineage.add_execution(tx, job_of(message)));
  for (const DatasetRef& input : message.inputs) {
    TRY(parts_.lineage.add_edge(tx, TRY(add_dataset(tx, input)), node));
  }
  for (const DatasetRef& output : message.outputs) {
    TRY(parts_.lineage.add_edge(tx, node, TRY(add_dataset(tx, output))));
  }
  std::string parent = message.parent_run;
  std::erase(parent, '-');
  const auto known =
      TRY(tx.query<std::int64_t>("select count(*) from lineage_nodes where id = ?", fmt::format("run:{}", parent)));
  if (!parent.empty() && known.front() > 0) TRY(parts_.lineage.add_edge(tx, fmt::format("run:{}", parent), node));
  return {};
}

// Its node. Millrace's own are there already; a name of one that is not is like any other.
Result<std::string> Inbox::add_dataset(db::Transaction& tx, const DatasetRef& dataset) {
  if (const auto own = own_name(dataset, parts_.own_namespace); !own.empty()) {
    const auto colon = own.find(':');
    auto newest = TRY(parts_.lineage.newest(own.substr(0, colon), own.substr(colon + 1)));
    if (!dataset.version.empty() && !newest.empty()) return fmt::format("{}/{}", own, dataset.version);
    if (!newest.empty()) return newest;
  }
  lineage::Artifact artifact{.id = external_node(dataset), .kind = "dataset", .name = dataset.name};
  artifact.data = {{"namespace", dataset.name_space}};
  if (!dataset.version.empty()) artifact.data["version"] = dataset.version;
  if (dataset.fields.is_array()) artifact.data["fields"] = dataset.fields;
  TRY(parts_.lineage.add_artifact(tx, artifact));
  return artifact.id;
}

Result<std::vector<Received>> Inbox::list(std::int64_t after, int limit) const {
  std::vector<Received> list;
  for (ReceivedRow& row : TRY(parts_.database.query<ReceivedRow>(
           "select id, received, who, body from openlineage_events where id > ? order by id limit ?", after,
           std::min(limit, kMostListed)))) {
    list.push_back({row.id, row.received, std::move(row.who), TRY(parse_json(row.body))});
  }
  return list;
}

}  // namespace millrace::openlineage
