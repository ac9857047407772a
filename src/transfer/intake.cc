#include "transfer/intake.h"

#include <array>
#include <boost/describe.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/hash.h"
#include "base/json.h"
#include "blob/blob.h"
#include "db/db.h"
#include "registry/describe.h"
#include "tracking/validate.h"
#include "transfer/schema.h"
#include "transfer/wire.h"

namespace millrace::transfer {

namespace {

constexpr std::array<std::string_view, 7> kKinds = {"experiment",         "run",   "logged_model", "trace",
                                                    "evaluation_dataset", "model", "version"};
constexpr std::size_t kPiece = std::size_t{1} << 20;

struct CarriedRow {
  std::string id;
  std::string fingerprint;
};
BOOST_DESCRIBE_STRUCT(CarriedRow, (), (id, fingerprint))

bool is_span_id(std::string_view id) {
  constexpr std::size_t kDigits = 16;
  return id.size() == kDigits && id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<void> check_spans(const tracking::Trace& trace) {
  TRY(tracking::check_run_id(trace.info.id));
  for (const tracking::Span& span : trace.spans) {
    if (span.trace_id != trace.info.id) {
      return invalid_argument("span {} is not of the trace {}", span.id, trace.info.id);
    }
    if (!is_span_id(span.id) || !(span.is_root() || is_span_id(span.parent_id))) {
      return invalid_argument("span \"{}\" below \"{}\": ids of spans are 16 hexadecimal digits", span.id,
                              span.parent_id);
    }
  }
  return {};
}

Result<void> copy(const std::filesystem::path& file, blob::Writer& writer) {
  std::ifstream in(file, std::ios::binary);
  std::string piece(kPiece, '\0');
  while (in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    TRY(writer.append(std::string_view(piece).substr(0, static_cast<std::size_t>(in.gcount()))));
  }
  if (in.bad() || !in.eof()) return unavailable("cannot read {}", file.string());
  return {};
}

}  // namespace

std::string_view to_text(Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

bool from_text(std::string_view text, Kind& kind) {
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds[i] != text) continue;
    kind = static_cast<Kind>(i);
    return true;
  }
  return false;
}

Result<void> migrate(db::Database& database) { return db::migrate(database, "transfer", kMigrations); }

Intake::Intake(Parts parts)
    : parts_(parts),
      intake_({.database = parts.database, .lineage = parts.lineage, .clock = parts.clock, .events = parts.events}) {}

const std::string& Intake::place() const { return parts_.database.place(); }

Result<std::map<std::string, std::string>> Intake::fingerprints(Kind kind, const std::vector<std::string>& ids) {
  std::map<std::string, std::string> found;
  for (CarriedRow& row : TRY(parts_.database.query<CarriedRow>(
           "select id, fingerprint from carried where kind = ? and id in (select value from json_each(?))", kind,
           dump_json(Json(ids))))) {
    found.emplace(std::move(row.id), std::move(row.fingerprint));
  }
  return found;
}

Result<void> Intake::remember(Kind kind, const std::string& id, const std::string& fingerprint) {
  return parts_.database.write([&](db::Transaction& tx) -> Result<void> {
    TRY(tx.execute(R"sql(
insert into carried (kind, id, fingerprint)
values (?, ?, ?)
on conflict (kind, id) do update set fingerprint = excluded.fingerprint
)sql",
                   kind, id, fingerprint));
    return {};
  });
}

Result<std::string> Intake::put_experiment(const tracking::Experiment& experiment) {
  const auto known = parts_.tracking.find_experiment_by_name(experiment.name);
  if (!known && known.error().code != Code::kNotFound) return std::unexpected(known.error());
  if (!known) return intake_.add_experiment(experiment);
  if (known->lifecycle_stage == tracking::LifecycleStage::kDeleted) {
    if (experiment.lifecycle_stage == tracking::LifecycleStage::kActive) {
      return failed_precondition("the experiment \"{}\" is deleted in {}; restore it there, or rename the one here",
                                 experiment.name, place());
    }
    TRY(intake_.put_experiment_stage(known->id, tracking::LifecycleStage::kActive));
  }
  TRY(intake_.put_experiment_tags(known->id, experiment.tags));
  return known->id;
}

Result<void> Intake::put_experiment_stage(const std::string& id, tracking::LifecycleStage stage) {
  return intake_.put_experiment_stage(id, stage);
}

Result<HeldRun> Intake::held_run(const std::string& id) {
  const auto rows = TRY(parts_.database.query<std::int64_t>("select number from runs where id = ?", id));
  if (rows.empty()) return HeldRun{};
  return HeldRun{.there = true, .points = TRY(intake_.count_points(id))};
}

Result<std::string> Intake::put_run(const tracking::Run& run) { return intake_.put_run(run); }

Result<std::map<std::string, std::int64_t>> Intake::put_points(const std::string& run_id,
                                                               const std::vector<Series>& series) {
  return intake_.put_points(run_id, TRY(to_points(series)));
}

Result<std::string> Intake::put_logged_model(const tracking::LoggedModel& model) {
  return intake_.put_logged_model(model);
}

// Where spans lie and what is below is this server's to say.
Result<void> Intake::put_trace(const TraceRecord& record) {
  const tracking::Trace& trace = record.trace;
  tracking::TraceInfo info = trace.info;
  std::erase_if(info.tags, [](const tracking::Tag& tag) {
    return tag.key == tracking::trace_key::kArtifactLocation || tag.key == tracking::trace_key::kSpansLocation;
  });
  for (tracking::Assessment& assessment : info.assessments) {
    const bool there =
        std::ranges::find(info.assessments, assessment.overrides, &tracking::Assessment::id) != info.assessments.end();
    if (!there) assessment.overrides.clear();
  }
  TRY(check_spans(trace));
  if (!trace.spans.empty()) {
    TRY(parts_.traces.log_spans({{.experiment_id = info.experiment_id, .spans = trace.spans}}));
  }
  TRY(parts_.traces.start(info));
  for (const std::string& run : record.run_ids) {
    const auto linked = parts_.traces.link_to_run({info.id}, run);
    if (!linked && linked.error().code != Code::kNotFound) return linked;
  }
  return parts_.traces.link_prompts(info.id, record.prompts);
}

Result<void> Intake::put_evaluation_set(const EvaluationSet& set) {
  return parts_.evaluation_datasets.put(set.dataset, set.records);
}

Result<void> Intake::put_model(const registry::Model& model) { return parts_.registry.put_model(model); }

Result<std::int64_t> Intake::put_version(const registry::ModelVersion& version, const std::string& key) {
  registry::ModelVersion stored = version;
  stored.storage = TRY(storage_of(version));
  describe(stored);
  const auto told = parts_.events == nullptr ? registry::Told::kNobody : registry::Told::kEvents;
  return parts_.registry.put_version(stored, key, told);
}

// "models:/m-ID" and "runs:/ID/PATH" lie where that model or run has its artifacts here.
Result<std::string> Intake::storage_of(const registry::ModelVersion& version) {
  constexpr std::string_view kModels = "models:/m-";
  constexpr std::string_view kRuns = "runs:/";
  const std::string& source = version.source;
  if (source.starts_with(kModels)) {
    const auto model = parts_.logged_models.find(source.substr(kModels.size() - 2), tracking::Deleted::kShown);
    if (model) return model->artifact_uri;
  }
  if (source.starts_with(kRuns)) {
    const std::string rest = source.substr(kRuns.size());
    const auto slash = std::min(rest.find('/'), rest.size());
    const auto run = parts_.tracking.find_run(rest.substr(0, slash));
    if (run) return run->artifact_uri + rest.substr(slash);
  }
  return version.storage;
}

void Intake::describe(registry::ModelVersion& version) {
  const auto key = blob::key_of(version.location());
  if (!key) return;
  const auto folder = parts_.blobs.local_path(blob::uri_of(*key));
  if (!folder) return;
  auto described = registry::describe_folder(*folder);
  version.folder = std::move(described.folder);
  version.signature = std::move(described.signature);
}

Result<void> Intake::put_alias(const std::string& model, const registry::Alias& alias) {
  return parts_.registry.put_alias(model, alias, "as it stood where it was imported from");
}

Result<bool> Intake::put_file(const std::string& folder_uri, const std::string& path,
                              const std::filesystem::path& file) {
  const std::string key = TRY(blob::key_of(folder_uri)) + "/" + path;
  const auto known = parts_.blobs.stat(blob::uri_of(key));
  if (known && !known->sha256.empty() && known->sha256 == TRY(sha256_file(file))) return false;
  const auto writer = TRY(parts_.blobs.write(key));
  TRY(copy(file, *writer));
  TRY(writer->finish());
  return true;
}

}  // namespace millrace::transfer
