#include "triggers/triggers.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "base/suggest.h"
#include "db/db.h"
#include "events/event.h"
#include "events/events.h"
#include "triggers/store.h"

namespace millrace::triggers {
namespace {

struct EventCause {
  const char* type;
  CauseKind kind;
};
constexpr std::array<EventCause, 3> kEventCauses{{{"alert.raised", CauseKind::kAlert},
                                                  {"dataset.version_created", CauseKind::kDataset},
                                                  {"model_version.registered", CauseKind::kModel}}};

// A failure that asking again cannot mend.
bool is_lasting(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kPermissionDenied:
    case Code::kFailedPrecondition:
    case Code::kOutOfRange:
    case Code::kUnimplemented:
    case Code::kUnauthenticated:
      return true;
    default:
      return false;
  }
}

std::string merge_params(const std::vector<Param>& declared, const std::map<std::string, std::string>& given) {
  Json json = Json::object();
  for (const Param& param : declared) json[param.name] = parse_json(param.value).value_or(Json());
  for (const auto& [name, value] : given) json[name] = parse_json(value).value_or(Json(value));
  return dump_json(json);
}

std::map<std::string, std::string> params_of(const Firing& firing) {
  std::map<std::string, std::string> params;
  const Json json = parse_json(firing.params).value_or(Json::object());
  for (const auto& [name, value] : json.items()) params[name] = dump_json(value);
  return params;
}

// Whether a schedule is the one before; else what it would have fired before now does not count.
bool goes_on(const TriggerSpec& former, const TriggerSpec& spec) {
  return former.enabled && former.cron && spec.cron && former.subject == spec.subject && former.from == spec.from &&
         former.until == spec.until;
}

Json event_data(const Firing& firing) {
  Json json{{"trigger", firing.trigger},
            {"key", firing.key},
            {"reason", firing.reason},
            {"pipeline", firing.pipeline},
            {"params", parse_json(firing.params).value_or(Json::object())}};
  if (firing.status == FiringStatus::kStarted)
    json["run"] = firing.run;
  else
    json["error"] = firing.error;
  return json;
}

std::optional<Timestamp> next_of(const TriggerSpec& spec, const TriggerState& state) {
  if (!spec.cron || !spec.enabled || !state.schedule_until) return std::nullopt;
  const Timestamp after = spec.from ? std::max(*state.schedule_until, *spec.from - Duration{1}) : *state.schedule_until;
  const auto next = spec.cron->next_after(after);
  return next && spec.until && *next >= *spec.until ? std::nullopt : next;
}

}  // namespace

Result<std::unique_ptr<Triggers>> Triggers::open(Foundation foundation) {
  TRY(store::migrate(foundation.db));
  std::unique_ptr<Triggers> triggers(new Triggers(std::move(foundation)));
  for (auto& spec : TRY(store::load_specs(triggers->foundation_.db))) {
    std::string name = spec.name;
    triggers->specs_.emplace(std::move(name), std::move(spec));
  }
  return triggers;
}

Result<void> Triggers::apply(const std::vector<TriggerSpec>& specs, std::optional<Timestamp> now) {
  const std::lock_guard causes_lock(causes_mutex_);
  if (now && now->us <= 0) now = std::nullopt;
  const auto former = this->specs();
  std::map<std::string, std::optional<Timestamp>> schedules;
  std::map<std::string, TriggerSpec> next;
  for (const TriggerSpec& spec : specs) {
    const auto known = former.find(spec.name);
    const bool unchanged = known != former.end() && goes_on(known->second, spec);
    schedules[spec.name] = unchanged ? TRY(store::load_state(foundation_.db, spec)).schedule_until : now;
    next.emplace(spec.name, spec);
  }
  TRY(store::replace_specs(foundation_.db, specs, schedules));
  const std::lock_guard lock(specs_mutex_);
  specs_ = std::move(next);
  return {};
}

std::vector<std::string> Triggers::event_types() {
  std::vector<std::string> types;
  for (const auto& cause : kEventCauses) types.emplace_back(cause.type);
  return types;
}

std::map<std::string, TriggerSpec> Triggers::specs() const {
  const std::lock_guard lock(specs_mutex_);
  return specs_;
}

Result<TriggerSpec> Triggers::spec_of(const std::string& name) const {
  const std::lock_guard lock(specs_mutex_);
  const auto found = specs_.find(name);
  if (found != specs_.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, spec] : specs_) names.push_back(known);
  return not_found("trigger {} does not exist{}", name, did_you_mean(name, names));
}

Result<void> Triggers::on_event(const events::Event& event) {
  const auto type = std::ranges::find(kEventCauses, event.type, &EventCause::type);
  if (type == kEventCauses.end()) return {};
  const Cause cause{type->kind, event.subject, event.event_time, fmt::format("event:{}", event.id)};
  const std::lock_guard lock(causes_mutex_);
  for (const auto& [name, spec] : specs()) {
    if (concerns(spec, cause)) TRY(take(spec, cause, {}));
  }
  return {};
}

Result<void> Triggers::advance(Timestamp now) {
  const std::lock_guard lock(causes_mutex_);
  TRY(start_pending());
  const auto all = specs();
  std::vector<std::pair<Cause, const TriggerSpec*>> due;
  for (const auto& [name, spec] : all) {
    if (!spec.cron) continue;
    const TriggerState state = TRY(store::load_state(foundation_.db, spec));
    if (!state.schedule_until) TRY(store::set_schedule_until(foundation_.db, name, now));
    for (Cause& cause : scheduled_causes(spec, state, now)) due.emplace_back(std::move(cause), &spec);
  }
  std::ranges::sort(due, {}, [](const auto& d) { return std::tie(d.first.event_time, d.second->name); });
  for (const auto& [cause, spec] : due) {
    TRY(take(*spec, cause, {}));
    TRY(store::set_schedule_until(foundation_.db, spec->name, cause.event_time));
  }
  return {};
}

Result<void> Triggers::resume() {
  const std::lock_guard lock(causes_mutex_);
  return start_pending();
}

Result<void> Triggers::start_pending() {
  for (Firing& firing : TRY(store::list_pending(foundation_.db))) TRY(start(std::move(firing)));
  return {};
}

Result<Firing> Triggers::fire(const std::string& trigger, const std::map<std::string, std::string>& params,
                              const std::string& key, Timestamp event_time) {
  const TriggerSpec spec = TRY(spec_of(trigger));
  for (const auto& [name, value] : params) {
    if (!parse_json(value)) return invalid_argument("the param {} of trigger {} is not JSON: {}", name, trigger, value);
  }
  const std::lock_guard lock(causes_mutex_);
  return take(spec, {CauseKind::kManual, "", event_time, fmt::format("manual:{}", key)}, params);
}

Result<Firing> Triggers::take(const TriggerSpec& spec, const Cause& cause,
                              const std::map<std::string, std::string>& params) {
  if (auto known = TRY(store::find_firing(foundation_.db, spec.name, cause.key))) return start(*std::move(known));
  const Decision decision = decide(spec, TRY(store::load_state(foundation_.db, spec)), cause);
  Firing firing{.trigger = spec.name,
                .key = cause.key,
                .event_time = cause.event_time,
                .status = decision.fire ? FiringStatus::kPending : FiringStatus::kSkipped,
                .reason = decision.reason,
                .pipeline = spec.pipeline,
                .params = merge_params(spec.params, params)};
  firing.id = TRY(store::insert_firing(foundation_.db, firing));
  return start(std::move(firing));
}

// Only a pending firing is started.
Result<Firing> Triggers::start(Firing firing) {
  if (firing.status != FiringStatus::kPending) return firing;
  auto run = foundation_.start({.pipeline = firing.pipeline,
                                .params = params_of(firing),
                                .key = fmt::format("{}/{}", firing.trigger, firing.key),
                                .event_time = firing.event_time,
                                .cause = fmt::format("trigger:{}", firing.trigger),
                                .reason = firing.reason});
  if (!run && !is_lasting(run.error().code)) return std::unexpected(run.error());
  firing.status = run ? FiringStatus::kStarted : FiringStatus::kFailed;
  (run ? firing.run : firing.error) = run ? *run : run.error().message;
  TRY(finish(firing));
  return firing;
}

Result<void> Triggers::finish(const Firing& firing) {
  auto tx = TRY(foundation_.db.begin());
  TRY(store::finish_firing(tx, firing));
  const char* type = firing.status == FiringStatus::kStarted ? "trigger.fired" : "trigger.failed";
  TRY(foundation_.events.publish(tx, type, firing.trigger, firing.event_time, event_data(firing)));
  return tx.commit();
}

Result<TriggerInfo> Triggers::find_trigger(const std::string& name) const {
  TriggerInfo info{.spec = TRY(spec_of(name))};
  info.state = TRY(store::load_state(foundation_.db, info.spec));
  info.next = next_of(info.spec, info.state);
  info.started = TRY(store::count_started(foundation_.db, name));
  return info;
}

Result<std::vector<TriggerInfo>> Triggers::list_triggers() const {
  std::vector<TriggerInfo> triggers;
  for (const auto& [name, spec] : specs()) triggers.push_back(TRY(find_trigger(name)));
  return triggers;
}

Result<std::vector<Firing>> Triggers::list_firings(const std::string& trigger, std::int64_t before, int limit) const {
  return store::list_firings(foundation_.db, trigger, before, limit);
}

}  // namespace millrace::triggers
