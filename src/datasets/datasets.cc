#include "datasets/datasets.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "base/files.h"
#include "base/json.h"
#include "base/suggest.h"
#include "blob/blob.h"
#include "datasets/state.h"

namespace millrace::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::pair<Format, std::string_view> kFormats[] = {
    {Format::kParquet, "parquet"}, {Format::kCsv, "csv"}, {Format::kJson, "json"}, {Format::kNdjson, "ndjson"}};

Result<std::shared_ptr<const Definition>> define(DatasetSpec spec, bool is_log) {
  auto definition = std::make_shared<Definition>();
  for (const ExpectationSpec& expectation : spec.expectations) {
    auto plan = plan_expectation(expectation, spec.columns);
    if (!plan) return invalid_argument("dataset {}: {}", spec.name, plan.error());
    definition->plans.push_back(std::move(*plan));
  }
  definition->row_judge = std::make_unique<RowJudge>(spec.column_types(), definition->plans);
  definition->spec = std::move(spec);
  definition->is_log = is_log;
  return definition;
}

// The new columns behind the old ones, which keep their order: files of earlier versions have a part of the columns,
// from the first.
Result<void> keep_order(const DatasetSpec& old, DatasetSpec& spec) {
  std::vector<ColumnSpec> columns;
  for (const ColumnSpec& column : old.columns) {
    const ColumnSpec* found = spec.find_column(column.name);
    if (found == nullptr) {
      return failed_precondition("column {} of dataset {} cannot be removed: there are rows with it", column.name,
                                 spec.name);
    }
    if (found->type != column.type) {
      return failed_precondition("column {} of dataset {} cannot become a {}: there are rows with it as a {}",
                                 column.name, spec.name, duck::type_name(found->type), duck::type_name(column.type));
    }
    columns.push_back(*found);
  }
  if (old.event_time != spec.event_time) {
    return failed_precondition("the event time of dataset {} cannot change from {} to {}: there are rows", spec.name,
                               old.event_time, spec.event_time);
  }
  for (const ColumnSpec& column : spec.columns) {
    if (old.find_column(column.name) == nullptr) columns.push_back(column);
  }
  spec.columns = std::move(columns);
  return {};
}

// Files of versions that were never recorded, and what was being worked on.
Result<void> sweep(const Foundation& foundation, const Catalog& catalog) {
  TRY(remove_tree(foundation.home / "datasets" / ".scratch"));
  TRY(make_directories(foundation.home / "datasets" / ".scratch"));
  const std::vector<std::string> known = TRY(catalog.uris());
  const std::set<std::string> wanted(known.begin(), known.end());
  for (const std::string& key : TRY(foundation.blobs.list("datasets"))) {
    const std::string uri = blob::uri_of(key);
    if (!wanted.contains(uri)) TRY(foundation.blobs.remove(uri));
  }
  return {};
}

std::string json_row(const duck::Table& rows, std::size_t row) {
  Json json = Json::object();
  for (const duck::Column& column : rows.columns) {
    if (column.name.starts_with("~")) continue;
    Json& cell = json[column.name];
    if (column.is_null(row)) continue;
    switch (column.type) {
      case duck::Type::kBoolean:
        cell = column.ints[row] != 0;
        break;
      case duck::Type::kBigint:
        cell = column.ints[row];
        break;
      case duck::Type::kDouble:
        cell = column.doubles[row];
        break;
      case duck::Type::kVarchar:
        cell = column.strings[row];
        break;
      case duck::Type::kTimestamp:
        cell = format_time({column.ints[row]});
        break;
    }
  }
  return dump_json(json);
}

}  // namespace

std::string_view format_name(Format format) { return kFormats[static_cast<std::size_t>(format)].second; }

std::optional<Format> find_format(std::string_view name) {
  for (const auto& [format, text] : kFormats) {
    if (text == name) return format;
  }
  return std::nullopt;
}

Result<std::shared_ptr<Entry>> Datasets::State::find(std::string_view name) const {
  const std::shared_lock lock(mutex);
  const auto found = entries.find(name);
  if (found != entries.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, entry] : entries) names.push_back(known);
  return not_found("dataset {} does not exist{}", name, did_you_mean(name, names));
}

fs::path Datasets::State::scratch_file(std::string_view extension) {
  return foundation.home / "datasets" / ".scratch" / fmt::format("{}.{}", scratch_files.fetch_add(1), extension);
}

bool Datasets::State::has_listeners() {
  const std::scoped_lock lock(listeners_mutex);
  return !listeners.empty();
}

void Datasets::State::tell(const std::string& dataset, const RowBlock& rows, RowSource source) {
  std::vector<Listener> all;
  {
    const std::scoped_lock lock(listeners_mutex);
    all = listeners;
  }
  for (const Listener& listener : all) listener(dataset, rows, source);
}

Result<Version> Datasets::State::locate(Version version) const {
  for (Segment& segment : version.segments) segment.path = TRY(foundation.blobs.local_path(segment.uri)).string();
  return version;
}

Result<void> Datasets::State::apply(DatasetSpec spec, bool is_log) {
  const std::unique_lock lock(mutex);
  auto& entry = entries[spec.name];
  const auto old = entry ? entry->definition() : nullptr;
  if (old && old->is_log != is_log)
    return failed_precondition("dataset {} exists already, made by the server", spec.name);
  if (old && TRY(catalog.newest(spec.name))) TRY(keep_order(old->spec, spec));
  const auto definition = define(spec, is_log);
  if (!definition) {
    if (!entry) entries.erase(spec.name);
    return std::unexpected(definition.error());
  }
  TRY(catalog.put({spec, is_log}));
  if (!entry) entry = std::make_shared<Entry>();
  const std::scoped_lock rows_lock(entry->rows_mutex);
  entry->pushes.reset();
  entry->define(*definition);
  return {};
}

Datasets::Datasets(std::unique_ptr<State> state) : state_(std::move(state)) {}
Datasets::~Datasets() = default;

Result<std::unique_ptr<Datasets>> Datasets::open(const Foundation& foundation) {
  auto state = std::make_unique<State>(foundation, TRY(Catalog::open(foundation.db)));
  TRY(sweep(foundation, state->catalog));
  for (CatalogEntry& entry : TRY(state->catalog.entries())) {
    auto made = std::make_shared<Entry>();
    const std::string name = entry.spec.name;
    made->define(TRY(define(std::move(entry.spec), entry.is_log)));
    state->entries.emplace(name, std::move(made));
  }
  return std::unique_ptr<Datasets>(new Datasets(std::move(state)));
}

Result<void> Datasets::apply(const DatasetSpec& spec) { return state_->apply(spec, false); }

Result<DatasetInfo> Datasets::find(std::string_view name) const {
  const auto definition = TRY(state_->find(name))->definition();
  DatasetInfo info{.spec = definition->spec, .is_log = definition->is_log};
  const auto newest = TRY(state_->catalog.newest(name));
  if (!newest) return info;
  info.versions = newest->version;
  info.rows = newest->rows;
  info.quarantined = newest->quarantined;
  info.newest_content_hash = newest->content_hash;
  info.min_event_time = newest->min_event_time;
  info.max_event_time = newest->max_event_time;
  return info;
}

std::vector<DatasetInfo> Datasets::list() const {
  std::vector<std::string> names;
  {
    const std::shared_lock lock(state_->mutex);
    for (const auto& [name, entry] : state_->entries) names.push_back(name);
  }
  std::vector<DatasetInfo> infos;
  for (const std::string& name : names) {
    if (auto info = find(name)) infos.push_back(std::move(*info));
  }
  return infos;
}

Result<Version> Datasets::version(std::string_view name, std::optional<std::int64_t> number) const {
  TRY(state_->find(name));
  return state_->locate(TRY(state_->catalog.version(name, number)));
}

Result<std::vector<VersionSummary>> Datasets::list_versions(std::string_view name, std::optional<std::int64_t> before,
                                                            int limit) const {
  TRY(state_->find(name));
  return state_->catalog.list_versions(name, before.value_or(std::numeric_limits<std::int64_t>::max()), limit);
}

Result<QuarantinePage> Datasets::list_quarantined(std::string_view name, std::optional<std::int64_t> version,
                                                  std::int64_t offset, int limit) const {
  TRY(state_->find(name));
  QuarantinePage page;
  std::int64_t skip = offset;
  for (const QuarantineFile& file : TRY(state_->catalog.quarantine_files(name, version))) {
    const auto wanted = static_cast<std::int64_t>(limit) - static_cast<std::int64_t>(page.items.size());
    if (skip >= file.rows) {
      skip -= file.rows;
      continue;
    }
    if (wanted <= 0) {
      page.next = offset + limit;
      break;
    }
    const fs::path path = TRY(state_->foundation.blobs.local_path(file.uri));
    duck::Connection connection = TRY(state_->foundation.duck.connect());
    const duck::Table rows = TRY(connection.query(
        fmt::format("select * from {} limit {} offset {}", duck::read_parquet_sql({&path, 1}), wanted, skip)));
    const duck::Column& reason = *rows.find("~reason");
    for (std::size_t i = 0; i < rows.rows; ++i) {
      page.items.push_back({file.version, file.batch_id, reason.strings[i], json_row(rows, i)});
    }
    if (skip + static_cast<std::int64_t>(rows.rows) < file.rows) page.next = offset + limit;
    skip = 0;
  }
  return page;
}

void Datasets::on_rows(Listener listener) {
  const std::scoped_lock lock(state_->listeners_mutex);
  state_->listeners.push_back(std::move(listener));
}

}  // namespace millrace::datasets
