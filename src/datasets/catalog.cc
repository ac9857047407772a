#include "datasets/catalog.h"

#include <boost/describe.hpp>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "db/db.h"

namespace millrace::datasets {
namespace {

constexpr char kSchema[] = {
#embed "schema.sql"
    , 0};

const db::Migration kMigrations[] = {{1, kSchema}};

struct EntryRow {
  std::string spec;
  bool is_log = false;
};
BOOST_DESCRIBE_STRUCT(EntryRow, (), (spec, is_log))

struct VersionRow {
  std::int64_t version = 0;
  std::string batch_id, content_hash;
  std::int64_t rows = 0, quarantined = 0, batch_rows = 0, batch_quarantined = 0;
  Timestamp created_event_time, min_event_time, max_event_time;
  std::string columns, event_time, profile, batch_profile, validation;
};
BOOST_DESCRIBE_STRUCT(VersionRow, (),
                      (version, batch_id, content_hash, rows, quarantined, batch_rows, batch_quarantined,
                       created_event_time, min_event_time, max_event_time, columns, event_time, profile, batch_profile,
                       validation))

struct SegmentRow {
  std::int64_t first_version = 0;
  std::string uri, sha256;
  std::int64_t rows = 0, bytes = 0;
  Timestamp min_event_time, max_event_time;
  std::int64_t columns = 0;
};
BOOST_DESCRIBE_STRUCT(SegmentRow, (),
                      (first_version, uri, sha256, rows, bytes, min_event_time, max_event_time, columns))

}  // namespace

BOOST_DESCRIBE_STRUCT(VersionSummary, (),
                      (version, batch_id, content_hash, rows, quarantined, batch_rows, batch_quarantined,
                       created_event_time, min_event_time, max_event_time))
BOOST_DESCRIBE_STRUCT(QuarantineFile, (), (version, batch_id, uri, rows))

namespace {

// All of a VersionSummary; what follows begins after "where".
std::string select_summaries(std::string_view rest) {
  return "select version, batch_id, content_hash, rows, quarantined, batch_rows, batch_quarantined,"
         " created_event_time, min_event_time, max_event_time from dataset_versions where " +
         std::string(rest);
}

std::string columns_to_json(const std::vector<duck::ColumnType>& columns) {
  Json json = Json::array();
  for (const auto& column : columns) json.push_back({{"name", column.name}, {"type", duck::type_name(column.type)}});
  return dump_json(json);
}

Result<std::vector<duck::ColumnType>> columns_of_json(std::string_view text) {
  std::vector<duck::ColumnType> columns;
  for (const Json& column : TRY(parse_json(text))) {
    columns.push_back({column.at("name"), duck::find_type(column.at("type").get<std::string>()).value()});
  }
  return columns;
}

std::string spec_to_json(const DatasetSpec& spec) {
  Json columns = Json::array();
  for (const ColumnSpec& c : spec.columns) {
    columns.push_back({{"name", c.name}, {"type", duck::type_name(c.type)}, {"description", c.description}});
  }
  Json expectations = Json::array();
  for (const ExpectationSpec& e : spec.expectations) {
    expectations.push_back({{"type", e.type}, {"kwargs", e.kwargs}, {"on_failure", static_cast<int>(e.on_failure)}});
  }
  return dump_json({{"name", spec.name},
                    {"description", spec.description},
                    {"event_time", spec.event_time},
                    {"columns", columns},
                    {"expectations", expectations}});
}

Result<DatasetSpec> spec_of_json(std::string_view text) {
  const Json json = TRY(parse_json(text));
  DatasetSpec spec{.name = json.at("name"), .description = json.at("description"), .event_time = json.at("event_time")};
  for (const Json& c : json.at("columns")) {
    const auto type = duck::find_type(c.at("type").get<std::string>());
    spec.columns.push_back({.name = c.at("name"), .type = type.value(), .description = c.at("description")});
  }
  for (const Json& e : json.at("expectations")) {
    const auto on_failure = static_cast<OnFailure>(e.at("on_failure").get<int>());
    spec.expectations.push_back({.type = e.at("type"), .kwargs = e.at("kwargs"), .on_failure = on_failure});
  }
  return spec;
}

Result<Version> to_version(std::string_view dataset, VersionRow row, std::vector<SegmentRow> segments) {
  Version version{.dataset = std::string(dataset),
                  .version = row.version,
                  .content_hash = std::move(row.content_hash),
                  .rows = row.rows,
                  .quarantined = row.quarantined,
                  .batch_rows = row.batch_rows,
                  .batch_quarantined = row.batch_quarantined,
                  .created_event_time = row.created_event_time,
                  .min_event_time = row.min_event_time,
                  .max_event_time = row.max_event_time,
                  .schema = TRY(columns_of_json(row.columns)),
                  .event_time = std::move(row.event_time),
                  .batch_id = std::move(row.batch_id),
                  .profile = std::move(row.profile),
                  .batch_profile = std::move(row.batch_profile),
                  .validation = std::move(row.validation)};
  for (SegmentRow& s : segments) {
    version.segments.push_back({.uri = std::move(s.uri),
                                .sha256 = std::move(s.sha256),
                                .rows = s.rows,
                                .bytes = s.bytes,
                                .min_event_time = s.min_event_time,
                                .max_event_time = s.max_event_time,
                                .first_version = s.first_version,
                                .columns = static_cast<std::size_t>(s.columns)});
  }
  return version;
}

template <typename T>
std::optional<T> first_of(std::vector<T> rows) {
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

}  // namespace

Result<Catalog> Catalog::open(db::Database& database) {
  TRY(db::migrate(database, "datasets", kMigrations));
  return Catalog(database);
}

Result<std::vector<CatalogEntry>> Catalog::entries() const {
  std::vector<CatalogEntry> entries;
  for (const EntryRow& row : TRY(database_->query<EntryRow>("select spec, is_log from datasets order by name"))) {
    entries.push_back({TRY(spec_of_json(row.spec)), row.is_log});
  }
  return entries;
}

Result<void> Catalog::put(const CatalogEntry& entry) {
  TRY(database_->execute(R"(
    insert into datasets (name, is_log, spec) values (?, ?, ?)
    on conflict (name) do update set spec = excluded.spec)",
                         entry.spec.name, entry.is_log, spec_to_json(entry.spec)));
  return {};
}

Result<void> Catalog::add_version(db::Transaction& tx, const NewVersion& added) {
  const Version& v = added.version;
  TRY(tx.execute(R"(
    insert into dataset_versions
    values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?))",
                 v.dataset, v.version, v.batch_id, v.content_hash, v.rows, v.quarantined, v.batch_rows,
                 v.batch_quarantined, v.created_event_time, v.min_event_time, v.max_event_time,
                 columns_to_json(v.schema), v.event_time, v.profile, v.batch_profile, v.validation,
                 added.quarantine_uri, added.log_sequence));
  for (const Segment& s : v.segments) {
    TRY(tx.execute("insert into dataset_segments values (?, ?, ?, ?, ?, ?, ?, ?, ?)", v.dataset, v.version, s.uri,
                   s.sha256, s.rows, s.bytes, s.min_event_time, s.max_event_time, s.columns));
  }
  TRY(tx.execute("update datasets set profile_state = ? where name = ?", added.profile_state, v.dataset));
  return {};
}

Result<Version> Catalog::version(std::string_view dataset, std::optional<std::int64_t> number) const {
  auto rows = TRY(database_->query<VersionRow>(R"(
    select version, batch_id, content_hash, rows, quarantined, batch_rows, batch_quarantined, created_event_time,
           min_event_time, max_event_time, columns, event_time, profile, batch_profile, validation
    from dataset_versions
    where dataset = ? and version = coalesce(?, (select max(version) from dataset_versions where dataset = ?)))",
                                               dataset, number, dataset));
  if (rows.empty() && number) return not_found("dataset {} has no version {}", dataset, *number);
  if (rows.empty()) return not_found("dataset {} has no version yet", dataset);
  auto segments = TRY(database_->query<SegmentRow>(R"(
    select first_version, uri, sha256, rows, bytes, min_event_time, max_event_time, columns
    from dataset_segments
    where dataset = ? and first_version <= ?
    order by first_version)",
                                                   dataset, rows[0].version));
  return to_version(dataset, std::move(rows[0]), std::move(segments));
}

Result<std::optional<VersionSummary>> Catalog::newest(std::string_view dataset) const {
  return first_of(
      TRY(database_->query<VersionSummary>(select_summaries("dataset = ? order by version desc limit 1"), dataset)));
}

Result<std::optional<VersionSummary>> Catalog::of_batch(std::string_view dataset, std::string_view batch_id) const {
  return first_of(
      TRY(database_->query<VersionSummary>(select_summaries("dataset = ? and batch_id = ?"), dataset, batch_id)));
}

Result<std::vector<VersionSummary>> Catalog::list_versions(std::string_view dataset, std::int64_t before,
                                                           int limit) const {
  return database_->query<VersionSummary>(select_summaries("dataset = ? and version < ? order by version desc limit ?"),
                                          dataset, before, limit);
}

Result<std::vector<std::string>> Catalog::segment_hashes(std::string_view dataset) const {
  return database_->query<std::string>("select sha256 from dataset_segments where dataset = ? order by first_version",
                                       dataset);
}

Result<std::string> Catalog::profile_state(std::string_view dataset) const {
  const auto state =
      TRY(database_->query<std::string>("select coalesce(profile_state, '') from datasets where name = ?", dataset));
  return state.empty() ? "" : state.front();
}

Result<std::string> Catalog::validation(std::string_view dataset, std::int64_t version) const {
  const auto found = TRY(database_->query<std::string>(
      "select validation from dataset_versions where dataset = ? and version = ?", dataset, version));
  return found.empty() ? "{}" : found.front();
}

Result<std::vector<QuarantineFile>> Catalog::quarantine_files(std::string_view dataset,
                                                              std::optional<std::int64_t> version) const {
  return database_->query<QuarantineFile>(R"(
    select version, batch_id, quarantine_uri, batch_quarantined
    from dataset_versions
    where dataset = ? and version = coalesce(?, version) and quarantine_uri is not null
    order by version)",
                                          dataset, version);
}

Result<std::int64_t> Catalog::log_sequence(std::string_view dataset) const {
  const auto found = TRY(database_->query<std::int64_t>(
      "select coalesce(max(log_sequence), 0) from dataset_versions where dataset = ?", dataset));
  return found.front();
}

Result<std::vector<std::string>> Catalog::uris() const {
  return database_->query<std::string>(R"(
    select uri from dataset_segments
    union all
    select quarantine_uri from dataset_versions where quarantine_uri is not null)");
}

}  // namespace millrace::datasets
