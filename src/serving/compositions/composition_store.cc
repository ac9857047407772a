#include "serving/compositions/composition_store.h"

#include <boost/describe.hpp>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "db/db.h"
#include "events/events.h"

namespace millrace::serving {

BOOST_DESCRIBE_STRUCT(MemberVersion, (), (model, version))
BOOST_DESCRIBE_STRUCT(CompositionStore::Numbered, (), (endpoint, number))

namespace {

// recipe: JSON, all that decides what is answered.
constexpr db::Migration kMigrations[] = {{1, R"sql(
  create table endpoint_compositions (
    endpoint text not null,
    number integer not null,
    recipe text not null,
    event_time integer not null,
    primary key (endpoint, number),
    unique (endpoint, recipe)
  ) strict;
  create table endpoint_composition_members (
    endpoint text not null,
    number integer not null,
    place integer not null,
    model text not null,
    version integer not null,
    primary key (endpoint, number, place)
  ) strict;
  create index endpoint_composition_members_by_version on endpoint_composition_members (model, version);
)sql"}};

Json members_json(const std::vector<MemberVersion>& members) {
  Json list = Json::array();
  for (const auto& [model, version] : members) list.push_back({{"model", model}, {"version", version}});
  return list;
}

Json recipe_of(const Composed& composed) {
  Json members = members_json(composed.members);
  for (std::size_t i = 0; i < composed.spec.members.size(); ++i) {
    const MemberSpec& member = composed.spec.members[i];
    if (member.weight != 1) members[i]["weight"] = member.weight;
    if (!member.output.empty()) members[i]["output"] = member.output;
    if (!member.of_class.empty()) members[i]["class"] = member.of_class;
  }
  if (composed.spec.kind == CompositionSpec::Kind::kChain) return {{"chain", std::move(members)}};
  return {{"ensemble", to_text(composed.spec.combine)}, {"of", std::move(members)}};
}

Result<void> insert_members(db::Transaction& tx, const std::string& endpoint, std::int64_t number,
                            const std::vector<MemberVersion>& members) {
  for (std::size_t place = 0; place < members.size(); ++place) {
    TRY(tx.execute(
        "insert into endpoint_composition_members (endpoint, number, place, model, version) values (?, ?, ?, ?, ?)",
        endpoint, number, static_cast<std::int64_t>(place), members[place].model, members[place].version));
  }
  return {};
}

constexpr std::string_view kFindNumber = "select number from endpoint_compositions where endpoint = ? and recipe = ?";

}  // namespace

Result<std::unique_ptr<CompositionStore>> CompositionStore::open(Parts parts) {
  TRY(db::migrate(parts.database, "compositions", kMigrations));
  return std::unique_ptr<CompositionStore>(new CompositionStore(parts));
}

Result<std::int64_t> CompositionStore::number_of(const std::string& endpoint, const Composed& composed) {
  const Json recipe = recipe_of(composed);
  const std::string text = dump_json(recipe);
  if (const auto known = TRY(parts_.database.query<std::int64_t>(kFindNumber, endpoint, text)); !known.empty())
    return known.front();
  auto tx = TRY(parts_.database.begin());
  if (const auto known = TRY(tx.query<std::int64_t>(kFindNumber, endpoint, text)); !known.empty()) return known.front();
  const auto last = TRY(tx.query<std::int64_t>(
      "select coalesce(max(number), 0) from endpoint_compositions where endpoint = ?", endpoint));
  const std::int64_t number = last.front() + 1;
  const Timestamp now = parts_.clock.now();
  TRY(tx.execute("insert into endpoint_compositions (endpoint, number, recipe, event_time) values (?, ?, ?, ?)",
                 endpoint, number, text, now));
  TRY(insert_members(tx, endpoint, number, composed.members));
  TRY(parts_.events.publish(
      tx, "endpoint.composed", endpoint, now,
      {{"version", number}, {"composition", recipe}, {"members", members_json(composed.members)}}));
  TRY(tx.commit());
  return number;
}

Result<void> CompositionStore::put_number(const std::string& endpoint, const Composed& composed, std::int64_t number) {
  auto tx = TRY(parts_.database.begin());
  TRY(tx.execute("delete from endpoint_compositions where endpoint = ?", endpoint));
  TRY(tx.execute("delete from endpoint_composition_members where endpoint = ?", endpoint));
  TRY(tx.execute("insert into endpoint_compositions (endpoint, number, recipe, event_time) values (?, ?, ?, ?)",
                 endpoint, number, dump_json(recipe_of(composed)), parts_.clock.now()));
  TRY(insert_members(tx, endpoint, number, composed.members));
  return tx.commit();
}

Result<std::vector<MemberVersion>> CompositionStore::find_members(std::string_view endpoint,
                                                                  std::int64_t number) const {
  auto members = TRY(parts_.database.query<MemberVersion>(
      "select model, version from endpoint_composition_members where endpoint = ? and number = ? order by place",
      std::string(endpoint), number));
  if (members.empty()) return not_found("endpoint {} has no composition {}", endpoint, number);
  return members;
}

Result<std::vector<CompositionStore::Numbered>> CompositionStore::list_with(const MemberVersion& member,
                                                                            int limit) const {
  return parts_.database.query<Numbered>(R"sql(
select distinct endpoint, number
from endpoint_composition_members
where model = ? and version = ?
order by number desc, endpoint
limit ?
)sql",
                                         member.model, member.version, static_cast<std::int64_t>(limit));
}

std::string node_of_composition(std::string_view endpoint, std::int64_t number) {
  return fmt::format("composition:{}/{}", endpoint, number);
}

}  // namespace millrace::serving
