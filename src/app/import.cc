#include "app/import.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "app/artifact_place.h"
#include "app/home_id.h"
#include "base/files.h"
#include "base/ids.h"
#include "db/db.h"
#include "events/events.h"
#include "lineage/lineage.h"
#include "registry/registry.h"
#include "tracking/evaluation/datasets.h"
#include "tracking/logged_models.h"
#include "tracking/traces/traces.h"
#include "tracking/tracking.h"
#include "transfer/intake.h"

namespace millrace::app {
namespace {

constexpr std::size_t kMostNamed = 5;

// The stores of a home folder that no server uses. Built in this order and destroyed in the reverse one.
struct Home {
  WallClock clock;
  RandomIds ids;
  std::optional<db::HomeLock> lock;
  std::unique_ptr<db::Database> db;
  std::unique_ptr<events::Log> events;
  std::unique_ptr<lineage::Store> lineage;
  std::unique_ptr<blob::Store> blobs;
  std::unique_ptr<tracking::Store> tracking;
  std::unique_ptr<tracking::LoggedModels> logged_models;
  std::unique_ptr<tracking::Traces> traces;
  std::unique_ptr<tracking::EvaluationDatasets> evaluation_datasets;
  std::unique_ptr<registry::Store> registry;

  Result<void> open(const Place& place, const std::string& artifacts);
  transfer::Intake::Parts parts() {
    return {.database = *db,
            .blobs = *blobs,
            .tracking = *tracking,
            .logged_models = *logged_models,
            .traces = *traces,
            .evaluation_datasets = *evaluation_datasets,
            .registry = *registry,
            .lineage = *lineage,
            .clock = clock};
  }
};

Result<void> Home::open(const Place& place, const std::string& artifacts) {
  TRY(make_directories(place.home));
  lock.emplace(TRY(db::HomeLock::acquire(place.home)));
  db = TRY(db::Database::open(database_uri(place.home, place.db)));
  TRY(match_home(place.home, *db, ids));
  events = TRY(events::Log::open(*db));
  lineage = TRY(lineage::Store::open(*db));
  blobs = TRY(open_artifacts(place.home, artifacts, clock, ids));
  tracking =
      TRY(tracking::Store::open({.database = *db, .lineage = *lineage, .events = *events, .clock = clock, .ids = ids}));
  logged_models = std::make_unique<tracking::LoggedModels>(*db, clock, ids);
  traces = TRY(tracking::Traces::open({*db, clock}));
  evaluation_datasets = TRY(tracking::EvaluationDatasets::open({*db, clock, ids}));
  registry = TRY(registry::Store::open({*db, *lineage, *events, clock}));
  return transfer::migrate(*db);
}

std::string quoted(std::vector<std::string> names) {
  const std::size_t more = names.size() > kMostNamed ? names.size() - kMostNamed : 0;
  names.resize(names.size() - more);
  return fmt::format("\"{}\"{}", fmt::join(names, "\", \""), more > 0 ? fmt::format(" and {} more", more) : "");
}

// Experiment 0 is always there, so what an import finds in it without runs is nobody's.
Result<bool> is_untouched(Home& home, const tracking::Experiment& experiment) {
  if (experiment.id != "0") return false;
  const auto runs = TRY(home.db->query<std::int64_t>("select count(*) from runs where experiment_id = 0"));
  return runs.front() == 0;
}

Result<void> check_experiments(transfer::Source& source, transfer::Intake& intake, Home& home) {
  std::vector<std::string> taken;
  for (const auto& experiment : TRY(source.experiments())) {
    const auto here = home.tracking->find_experiment_by_name(experiment.name);
    if (!here || TRY(is_untouched(home, *here))) continue;
    const std::string key = fmt::format("{}#{}", source.place(), experiment.id);
    if (TRY(intake.fingerprints(transfer::Kind::kExperiment, {key})).empty()) taken.push_back(experiment.name);
  }
  if (taken.empty()) return {};
  return failed_precondition(
      "there are experiments of the same name already: {}; with --merge their runs come into these, else rename one of "
      "each",
      quoted(std::move(taken)));
}

Result<void> check_models(transfer::Source& source, transfer::Intake& intake, Home& home) {
  std::vector<std::string> taken;
  for (const auto& model : TRY(source.models())) {
    if (!home.registry->find_model(model.name)) continue;
    if (TRY(intake.fingerprints(transfer::Kind::kModel, {model.name})).empty()) taken.push_back(model.name);
  }
  if (taken.empty()) return {};
  return failed_precondition(
      "there are registered models of the same name already: {}; with --merge their versions come into these, under "
      "new numbers where theirs are taken, else rename one of each",
      quoted(std::move(taken)));
}

}  // namespace

bool Imported::equal() const {
  return carried.faults.empty() &&
         std::ranges::all_of(comparison.kinds, [](const auto& kind) { return kind.there == kind.here; });
}

Result<Imported> import_mlflow(const Import& import) {
  const auto source = TRY(transfer::open_source(import.from, transfer::View::kOneMoment));
  Home home;
  TRY(home.open(import.to, import.artifacts));
  transfer::Intake intake(home.parts());
  if (import.same_names == SameNames::kRefuse) {
    TRY(check_experiments(*source, intake, home));
    TRY(check_models(*source, intake, home));
  }
  Imported imported{.from = source->place(), .left_behind = TRY(source->left_behind())};
  transfer::Carrier carrier(*source, intake, transfer::Scope::kAll);
  if (import.tell)
    carrier.on_sent = [&](auto kind, const auto& name) {
      import.tell(fmt::format("{} {}", transfer::to_text(kind), name));
    };
  imported.carried = TRY(carrier.run());
  if (import.tell) import.tell("comparing");
  const auto parts = home.parts();
  imported.comparison = TRY(transfer::compare({*source, parts, carrier.experiments()}));
  return imported;
}

}  // namespace millrace::app
