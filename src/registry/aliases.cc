#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "events/events.h"
#include "registry/load.h"
#include "registry/registry.h"
#include "registry/validate.h"

namespace millrace::registry {

namespace {

// The version that an alias stands on, if there is one.
Result<std::optional<std::int64_t>> version_of(db::Transaction& tx, std::int64_t model, std::string_view alias) {
  const auto rows = TRY(tx.query<std::int64_t>(R"sql(
select v.version
from registered_model_aliases a join model_versions v on v.number = a.version
where a.model = ? and a.alias = ?
)sql",
                                               model, alias));
  return rows.empty() ? std::nullopt : std::optional(rows.front());
}

Json number_or_null(std::optional<std::int64_t> number) { return number ? Json(*number) : Json(nullptr); }

std::string standing(std::optional<std::int64_t> version) {
  return version.value_or(0) == 0 ? "on no version" : fmt::format("on version {}", *version);
}

std::unexpected<Error> no_alias(std::string_view model, std::string_view alias) {
  return not_found("model \"{}\" has no alias \"{}\"", model, alias);
}

Result<void> record(db::Transaction& tx, const AliasChange& change) {
  TRY(tx.execute(R"sql(
insert into alias_history (model, alias, version, previous, reason, pipeline_run, event_time)
values (?, ?, ?, ?, ?, ?, ?)
)sql",
                 change.model, change.alias, change.version, change.previous, change.reason, change.pipeline_run,
                 change.event_time));
  return {};
}

}  // namespace

Result<bool> Store::set_alias(const SetAlias& change) {
  TRY(check_alias(change.alias));
  db::Transaction tx = TRY(parts_.database.begin());
  const bool moved = TRY(set_alias(tx, change));
  TRY(tx.commit());
  return moved;
}

// Where it stands already no rule is asked, but a request that waits is done.
Result<bool> Store::set_alias(db::Transaction& tx, const SetAlias& change) {
  const VersionRow version = TRY(find_version_row(tx, change.model, change.version));
  const auto previous = TRY(version_of(tx, version.model_number, change.alias));
  if (previous == change.version) {
    TRY(close_waiting(tx, {.model = change.model, .place = {.name = change.alias}, .version = change.version},
                      parts_.clock.now()));
    return false;
  }
  if (change.expected_previous && *change.expected_previous != previous.value_or(0)) {
    return fail(Code::kAborted, "alias \"{}\" of model \"{}\" stands {}, not {}; look again and decide anew",
                change.alias, change.model, standing(previous), standing(change.expected_previous));
  }
  TRY(ask_rule(tx, {.model = change.model, .place = {.name = change.alias}, .version = change.version}));
  TRY(move_alias(tx, version,
                 {.model = change.model,
                  .alias = change.alias,
                  .version = change.version,
                  .previous = previous,
                  .reason = change.reason,
                  .pipeline_run = change.pipeline_run,
                  .event_time = parts_.clock.now()}));
  return true;
}

Result<void> Store::ask_rule(db::Transaction& tx, const Move& move) {
  const auto request = TRY(pass_rule(tx, move, parts_.find_gate, parts_.clock.now()));
  if (request == 0) return {};
  return publish(tx, "move.applied", move.model,
                 {{"model", move.model},
                  {"version", move.version},
                  {"kind", to_text(move.place.kind)},
                  {"place", move.place.name},
                  {"request", request}});
}

Result<void> Store::cancel(db::Transaction& tx, std::string_view model, std::int64_t version) {
  for (const auto request : TRY(cancel_requests(tx, model, version, parts_.clock.now()))) {
    TRY(publish(tx, "move.cancelled", model, {{"model", model}, {"version", version}, {"request", request}}));
  }
  return {};
}

Result<void> Store::move_alias(db::Transaction& tx, const VersionRow& version, const AliasChange& change) {
  TRY(tx.execute(R"sql(
insert into registered_model_aliases (model, alias, version)
values (?, ?, ?)
on conflict (model, alias) do update set version = excluded.version
)sql",
                 version.model_number, change.alias, version.number));
  TRY(record(tx, change));
  return publish(tx, "model_version.alias_set", change.model,
                 {{"model", change.model},
                  {"alias", change.alias},
                  {"version", *change.version},
                  {"previous", number_or_null(change.previous)},
                  {"reason", change.reason},
                  {"pipeline_run", change.pipeline_run},
                  {"prompt", TRY(is_prompt(tx, version.model_number))}});
}

Result<void> Store::drop_alias(db::Transaction& tx, const ModelRow& model, const Alias& alias,
                               std::string_view reason) {
  const AliasChange change{.model = model.name,
                           .alias = alias.name,
                           .previous = alias.version,
                           .reason = std::string(reason),
                           .event_time = parts_.clock.now()};
  TRY(tx.execute("delete from registered_model_aliases where model = ? and alias = ?", model.number, alias.name));
  TRY(record(tx, change));
  return publish(tx, "model_version.alias_deleted", change.model,
                 {{"model", change.model},
                  {"alias", change.alias},
                  {"previous", alias.version},
                  {"reason", change.reason},
                  {"prompt", TRY(is_prompt(tx, model.number))}});
}

Result<void> Store::delete_alias(std::string_view model, std::string_view alias, std::string_view reason) {
  db::Transaction tx = TRY(parts_.database.begin());
  const auto row = find_model_row(tx, model);
  const auto version = row ? TRY(version_of(tx, row->number, alias)) : std::nullopt;
  if (!version) return no_alias(model, alias);
  TRY(drop_alias(tx, *row, {std::string(alias), *version}, reason));
  return tx.commit();
}

Result<ModelVersion> Store::find_alias(std::string_view model, std::string_view alias) const {
  auto rows = TRY(parts_.database.query<VersionRow>(
      std::string(kSelectVersions) +
          "and m.name = ? and v.number = (select version from registered_model_aliases where model = m.number and "
          "alias = ?)",
      model, alias));
  if (!rows.empty()) return std::move(TRY(load_versions(parts_.database, std::move(rows))).front());
  TRY(find_model_row(parts_.database, model));
  return no_alias(model, alias);
}

Result<Page<AliasChange>> Store::alias_history(std::string_view model, std::string_view alias,
                                               const PageRequest& page) const {
  const std::int64_t before =
      page.after.empty() ? std::numeric_limits<std::int64_t>::max() : TRY(cursor_integer(page.after));
  auto changes = TRY(parts_.database.query<AliasChange>(R"sql(
select id, model, alias, version, previous, reason, pipeline_run, event_time
from alias_history
where model = ? and (? = '' or alias = ?) and id < ?
order by id desc
limit ?
)sql",
                                                        model, alias, alias, before, page.rows() + 1));
  return make_page(std::move(changes), page, [](const AliasChange& last) { return std::to_string(last.id); });
}

}  // namespace millrace::registry
