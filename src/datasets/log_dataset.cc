#include "datasets/log_dataset.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <mutex>

#include "datasets/profile.h"
#include "datasets/row_transfer.h"
#include "datasets/scratch.h"
#include "datasets/state.h"

namespace millrace::datasets {
namespace {

namespace fs = std::filesystem;
using duck::quote_identifier;

// The columns that the dataset had, then the new ones: files of earlier versions have a part of them, from the first.
Result<DatasetSpec> dataset_spec(const Datasets::State& state, const LogDatasetSpec& spec) {
  DatasetSpec made{.name = spec.name, .description = spec.description, .event_time = spec.event_time};
  if (const auto known = state.find(spec.name)) made.columns = (*known)->definition()->spec.columns;
  for (const auto& column : spec.columns) {
    const ColumnSpec* there = made.find_column(column.name);
    if (there == nullptr)
      made.columns.push_back({.name = column.name, .type = column.type});
    else if (there->type != column.type) {
      return failed_precondition("column {} of dataset {} is a {} in earlier rows, not a {}", column.name, spec.name,
                                 duck::type_name(there->type), duck::type_name(column.type));
    }
  }
  const ColumnSpec* time = made.find_column(spec.event_time);
  if (time == nullptr || time->type != duck::Type::kTimestamp) {
    return invalid_argument("dataset {} needs a timestamp column {}", spec.name, spec.event_time);
  }
  if (made.find_column(spec.key) == nullptr)
    return invalid_argument("dataset {} has no key column {}", spec.name, spec.key);
  return made;
}

std::string columns_of(const DatasetSpec& spec) {
  std::string list;
  for (const ColumnSpec& column : spec.columns) list += (list.empty() ? "" : ", ") + quote_identifier(column.name);
  return list;
}

// `table` as the dataset's columns; null where an older file lacks one.
void fit_columns(duck::Table& table, duck::Table& fitted) {
  fitted.rows = table.rows;
  for (duck::Column& column : fitted.columns) {
    column.clear();
    duck::Column* found = table.find(column.name);
    if (found != nullptr && found->type == column.type) {
      std::swap(column, *found);
    } else {
      for (std::size_t i = 0; i < table.rows; ++i) column.append_null();
    }
  }
}

}  // namespace

struct LogDataset::State {
  Datasets::State& datasets;
  LogDatasetSpec spec;
  DatasetSpec dataset;
  std::unique_ptr<RowLog> log;
  std::mutex commit_mutex;

  Result<void> stage(duck::Connection& connection, const std::vector<SealedFile>& files) const;
  Result<std::string> known_keys(duck::Connection& connection) const;
  Result<std::string> complemented(duck::Connection& connection, const std::string& rows) const;
  Result<std::string> new_rows(duck::Connection& connection) const;
  Result<std::optional<NewSegment>> convert(duck::Connection& connection, const std::filesystem::path& file) const;
  Result<std::optional<Version>> commit_files(const std::vector<SealedFile>& files);
};

// All rows of the files, in the order in which they were appended, as the temporary table "staged".
Result<void> LogDataset::State::stage(duck::Connection& connection, const std::vector<SealedFile>& files) const {
  duck::Table fitted = duck::Table::of(dataset.column_types());
  TRY(connection.create_temp_table("staged", fitted));
  for (const SealedFile& file : files) {
    TRY(read_row_log_file(
        file.path,
        [&](duck::Table& rows) -> Result<void> {
          fit_columns(rows, fitted);
          TRY(connection.append("staged", fitted));
          // The columns go back, so that their memory is used again.
          for (duck::Column& column : fitted.columns) {
            if (duck::Column* found = rows.find(column.name); found != nullptr) std::swap(column, *found);
          }
          return {};
        },
        65'536));
  }
  return {};
}

// The keys of the segments that overlap the staged rows in event time, as a subquery; "" where there are none.
Result<std::string> LogDataset::State::known_keys(duck::Connection& connection) const {
  const Result<Version> newest = datasets.catalog.version(spec.name, std::nullopt);
  if (!newest)
    return newest.error().code == Code::kNotFound ? Result<std::string>("") : std::unexpected(newest.error());
  const std::string time = quote_identifier(spec.event_time);
  const duck::Table span = TRY(connection.query(fmt::format("select min({0}), max({0}) from staged", time)));
  if (span.columns[0].is_null(0)) return "";
  const Timestamp from{span.columns[0].ints[0]};
  const Timestamp to{span.columns[1].ints[0]};
  const bool overlap = std::ranges::any_of(newest->segments, [&](const Segment& segment) {
    return segment.min_event_time <= to && segment.max_event_time >= from;
  });
  if (!overlap) return "";
  const Version located = TRY(datasets.locate(*newest));
  return fmt::format("select {} from {}", quote_identifier(spec.key), scan_sql(located, from, to));
}

// The rows with what other staged rows bring to them.
Result<std::string> LogDataset::State::complemented(duck::Connection& connection, const std::string& rows) const {
  if (!spec.complements || spec.complements->columns.empty()) return rows;
  const std::string key = quote_identifier(spec.key), marker = quote_identifier(spec.complements->marker);
  const duck::Table found = TRY(connection.query(fmt::format("select count(*) from staged where {} is null", marker)));
  if (found.columns[0].ints[0] == 0) return rows;
  std::vector<std::string> brought, replaced;
  for (const std::string& column : spec.complements->columns) {
    const std::string name = quote_identifier(column);
    brought.push_back(fmt::format("min({0}) as {0}", name));
    replaced.push_back(fmt::format("coalesce(r.{0}, c.{0}) as {0}", name));
  }
  return fmt::format(
      "(select r.* replace ({}) from {} as r left join (select {}, {} from staged where {} is null group by {}) as c "
      "using ({}))",
      fmt::join(replaced, ", "), rows, key, fmt::join(brought, ", "), marker, key, key);
}

// The staged rows that are new, each key once, as a from clause.
Result<std::string> LogDataset::State::new_rows(duck::Connection& connection) const {
  const std::string key = quote_identifier(spec.key);
  std::string rows = fmt::format(
      "(select * from staged where {} is not null and {} is not null{})", key, quote_identifier(spec.event_time),
      spec.complements ? " and " + quote_identifier(spec.complements->marker) + " is not null" : "");
  const duck::Table doubled = TRY(connection.query(
      fmt::format("select count(*) from (select 1 from {} group by {} having count(*) > 1)", rows, key)));
  if (doubled.columns[0].ints[0] > 0) {
    rows = fmt::format("(select * from {} qualify row_number() over (partition by {} order by {}, {}) = 1)", rows, key,
                       quote_identifier(spec.event_time), columns_of(dataset));
  }
  rows = TRY(complemented(connection, rows));
  const std::string known = TRY(known_keys(connection));
  return known.empty() ? rows : fmt::format("({} as n anti join ({}) as k using ({}))", rows, known, key);
}

// Writes the Parquet file of what is new among the staged rows; nullopt where nothing is. A key occurs once, so that
// event time and key order the rows fully.
Result<std::optional<NewSegment>> LogDataset::State::convert(duck::Connection& connection, const fs::path& file) const {
  NewSegment segment{.dataset = spec.name, .rows_file = file};
  TRY(connection.execute(fmt::format("copy (select {} from {} order by {}, {}) to {} (format parquet)",
                                     columns_of(dataset), TRY(new_rows(connection)), quote_identifier(spec.event_time),
                                     quote_identifier(spec.key), duck::quote_literal(file.string()))));
  Profile profile(dataset.column_types());
  const std::string written = "select * from " + duck::read_parquet_sql({&file, 1});
  TRY(connection.stream(written, [&](duck::Table& rows) -> Result<void> {
    profile.add(rows);
    const auto& times = rows.find(spec.event_time)->ints;
    if (segment.rows == 0) segment.min_event_time.us = times.front();
    segment.max_event_time.us = times.back();
    segment.rows += static_cast<std::int64_t>(rows.rows);
    return {};
  }));
  segment.batch_profile_state = profile.state();
  return segment.rows == 0 ? std::optional<NewSegment>() : std::optional(std::move(segment));
}

Result<std::optional<Version>> LogDataset::State::commit_files(const std::vector<SealedFile>& files) {
  duck::Connection connection = TRY(datasets.foundation.duck.connect());
  TRY(stage(connection, files));
  const ScratchFile file(datasets.scratch_file("parquet"));
  std::optional<NewSegment> segment = TRY(convert(connection, file.path()));
  if (!segment) return std::optional<Version>();
  segment->event_time = datasets.foundation.clock.now();
  segment->log_sequence = files.back().sequence;
  segment->batch_id = fmt::format("log-{}", files.back().sequence);
  const Version made = TRY(record_version(datasets, dataset, *segment));
  return std::optional(TRY(datasets.locate(TRY(datasets.catalog.version(spec.name, made.version)))));
}

LogDataset::LogDataset(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->datasets.log_syncer.add(*state_->log);
}
LogDataset::~LogDataset() { state_->datasets.log_syncer.remove(*state_->log); }

Result<std::unique_ptr<LogDataset>> LogDataset::open(Datasets& datasets, LogDatasetSpec spec) {
  Datasets::State& owner = *datasets.state_;
  DatasetSpec dataset = TRY(dataset_spec(owner, spec));
  TRY(owner.apply(dataset, true));
  const std::int64_t converted = TRY(owner.catalog.log_sequence(spec.name));
  auto log = TRY(RowLog::open(
      {.directory = owner.folder(spec.name) / "log", .columns = spec.columns, .first_sequence = converted + 1}));
  TRY(log->drop(converted));  // of a process that died between its commit and this
  std::unique_ptr<State> state(
      new State{.datasets = owner, .spec = std::move(spec), .dataset = std::move(dataset), .log = std::move(log)});
  return std::unique_ptr<LogDataset>(new LogDataset(std::move(state)));
}

Result<void> LogDataset::append(std::span<const Value> row) { return state_->log->append(row); }

Result<std::optional<Version>> LogDataset::commit() {
  const std::scoped_lock lock(state_->commit_mutex);
  const std::vector<SealedFile> files = TRY(state_->log->freeze());
  if (files.empty()) return std::optional<Version>();
  std::optional<Version> version = TRY(state_->commit_files(files));
  TRY(state_->log->drop(files.back().sequence));
  return version;
}

Result<std::vector<SealedFile>> LogDataset::seal() { return state_->log->freeze(); }

Result<void> LogDataset::drop(std::int64_t through_sequence) { return state_->log->drop(through_sequence); }

Result<std::int64_t> LogDataset::take(std::string_view file) { return append_row_log_file(file, *state_->log); }

std::int64_t LogDataset::pending() const { return state_->log->rows(); }

const std::string& LogDataset::name() const { return state_->spec.name; }

}  // namespace millrace::datasets
