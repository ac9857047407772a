#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "blob/blob.h"
#include "datasets/profile.h"
#include "datasets/state.h"
#include "db/database.h"
#include "events/events.h"
#include "lineage/graph.h"
#include "lineage/lineage.h"

namespace millrace::datasets {
namespace {

std::string hash_of(const std::vector<std::string>& segments) {
  Hasher hasher;
  for (const std::string& segment : segments) hasher.add_field(segment);
  return hasher.finish();
}

Result<Segment> store_rows(Datasets::State& state, const DatasetSpec& spec, const NewSegment& added,
                           std::int64_t number) {
  Segment segment{.sha256 = TRY(sha256_file(added.rows_file)),
                  .rows = added.rows,
                  .bytes = static_cast<std::int64_t>(std::filesystem::file_size(added.rows_file)),
                  .min_event_time = added.min_event_time,
                  .max_event_time = added.max_event_time,
                  .first_version = number,
                  .columns = spec.columns.size()};
  const std::string key = fmt::format("datasets/{}/{:06}.parquet", spec.name, number);
  segment.uri = TRY(state.foundation.blobs.put_file(added.rows_file, key, blob::Origin::kTake));
  return segment;
}

Result<std::optional<std::string>> store_quarantine(Datasets::State& state, const NewSegment& added,
                                                    std::int64_t number) {
  if (added.quarantine_file.empty()) return std::optional<std::string>();
  const std::string key = fmt::format("datasets/{}/{:06}.quarantine.parquet", added.dataset, number);
  return std::optional(TRY(state.foundation.blobs.put_file(added.quarantine_file, key, blob::Origin::kTake)));
}

Result<Profile> merged_profile(const Catalog& catalog, const std::string& dataset, const Profile& batch) {
  const std::string state = TRY(catalog.profile_state(dataset));
  if (state.empty()) return batch;
  Profile profile = TRY(Profile::of_state(state));
  profile.merge(batch);
  return profile;
}

Version next_version(const DatasetSpec& spec, const NewSegment& added, const std::optional<VersionSummary>& last) {
  return {.dataset = spec.name,
          .version = last ? last->version + 1 : 1,
          .rows = (last ? last->rows : 0) + added.rows,
          .quarantined = (last ? last->quarantined : 0) + added.quarantined,
          .batch_rows = added.rows,
          .batch_quarantined = added.quarantined,
          .created_event_time = added.event_time,
          .min_event_time = last ? std::min(last->min_event_time, added.min_event_time) : added.min_event_time,
          .max_event_time = last ? std::max(last->max_event_time, added.max_event_time) : added.max_event_time,
          .schema = spec.column_types(),
          .event_time = spec.event_time,
          .batch_id = added.batch_id,
          .validation = added.validation};
}

// As OpenLineage's schema facet has them.
Json fields_of(const Version& version) {
  Json fields = Json::array();
  for (const auto& column : version.schema)
    fields.push_back({{"name", column.name}, {"type", duck::type_name(column.type)}});
  return fields;
}

Result<void> commit(Datasets::State& state, const NewVersion& added) {
  const Version& version = added.version;
  db::Transaction tx = TRY(state.foundation.db.begin());
  TRY(state.catalog.add_version(tx, added));
  TRY(state.foundation.lineage.add_artifact(tx, {.id = fmt::format("dataset:{}/{}", version.dataset, version.version),
                                                 .kind = "dataset",
                                                 .name = version.dataset,
                                                 .data = {{"version", version.version},
                                                          {"rows", version.rows},
                                                          {"content_hash", version.content_hash},
                                                          {"fields", fields_of(version)}}}));
  if (version.version > 1) {
    TRY(state.foundation.lineage.add_edge(tx, fmt::format("dataset:{}/{}", version.dataset, version.version - 1),
                                          fmt::format("dataset:{}/{}", version.dataset, version.version)));
  }
  TRY(state.foundation.events.publish(tx, "dataset.version_created", version.dataset, version.created_event_time,
                                      {{"version", version.version},
                                       {"batch_id", version.batch_id},
                                       {"rows", version.batch_rows},
                                       {"quarantined", version.batch_quarantined},
                                       {"content_hash", version.content_hash}}));
  return tx.commit();
}

}  // namespace

Result<Version> record_version(Datasets::State& state, const DatasetSpec& spec, const NewSegment& added) {
  NewVersion made{.version = next_version(spec, added, TRY(state.catalog.newest(spec.name))),
                  .log_sequence = added.log_sequence};
  const Profile batch = TRY(Profile::of_state(added.batch_profile_state));
  const Profile whole = TRY(merged_profile(state.catalog, spec.name, batch));
  made.version.profile = whole.report();
  made.version.batch_profile = batch.report();
  made.profile_state = whole.state();
  std::vector<std::string> hashes = TRY(state.catalog.segment_hashes(spec.name));
  Segment segment = TRY(store_rows(state, spec, added, made.version.version));
  hashes.push_back(segment.sha256);
  made.version.content_hash = hash_of(hashes);
  made.version.segments = {std::move(segment)};
  made.quarantine_uri = TRY(store_quarantine(state, added, made.version.version));
  TRY(commit(state, made));
  return made.version;
}

}  // namespace millrace::datasets
