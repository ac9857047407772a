#include "datasets/push_log.h"

#include <algorithm>

#include "datasets/table_rows.h"

namespace millrace::datasets {
namespace {

// Sealing makes a new file; that is not worth it for fewer rows.
constexpr std::int64_t kRowsPerPart = 50'000;

Value value_at(const duck::Column& column, std::size_t row) {
  if (column.is_null(row)) return Value::null();
  if (column.type == duck::Type::kVarchar) return Value::of(std::string_view(column.strings[row]));
  if (column.type == duck::Type::kDouble) return Value::of(column.doubles[row]);
  return Value::of(column.ints[row]);
}

// The wanted columns of a table that may have been written before some of them existed.
duck::Table with_columns(const duck::Table& table, const std::vector<duck::ColumnType>& columns) {
  duck::Table wanted;
  wanted.rows = table.rows;
  for (const duck::ColumnType& type : columns) {
    const duck::Column* found = table.find(type.name);
    if (found != nullptr && found->type == type.type) {
      wanted.columns.push_back(*found);
      continue;
    }
    duck::Column& column = wanted.columns.emplace_back(duck::Column{.name = type.name, .type = type.type});
    for (std::size_t i = 0; i < table.rows; ++i) column.append_null();
  }
  return wanted;
}

}  // namespace

Result<std::unique_ptr<PushLog>> PushLog::open(const std::filesystem::path& directory,
                                               std::vector<duck::ColumnType> columns, std::string event_time) {
  std::unique_ptr<PushLog> pushes(new PushLog);
  pushes->columns_ = columns;
  pushes->event_time_ = std::move(event_time);
  pushes->time_column_ = static_cast<std::size_t>(
      std::ranges::find(columns, pushes->event_time_, &duck::ColumnType::name) - columns.begin());
  columns.insert(columns.end(),
                 {{"~push", duck::Type::kVarchar}, {"~place", duck::Type::kBigint}, {"~rows", duck::Type::kBigint}});
  pushes->log_ = TRY(RowLog::open({.directory = directory, .columns = std::move(columns), .file_bytes = 8 << 20}));
  TRY(pushes->recover());
  return pushes;
}

Result<void> PushLog::recover_file(const SealedFile& file) {
  Part part{.through = file.sequence};
  TRY(read_row_log_file(file.path, [&](duck::Table& table) -> Result<void> {
    const duck::Column& push = *table.find("~push");
    const duck::Column& place = *table.find("~place");
    const duck::Column& count = *table.find("~rows");
    const duck::Column* time = table.find(event_time_);
    for (std::size_t i = 0; i < table.rows; ++i) {
      if (time != nullptr && !time->is_null(i)) part.newest = std::max(part.newest, Timestamp{time->ints[i]});
      // The last row of a push is written last: without it the push was never answered.
      if (place.ints[i] + 1 < count.ints[i]) continue;
      part.ids.push_back(push.strings[i]);
      ids_.insert(push.strings[i]);
    }
    return {};
  }));
  parts_.push_back(std::move(part));
  return {};
}

Result<void> PushLog::recover() {
  for (const SealedFile& file : log_->sealed()) TRY(recover_file(file));
  parts_.push_back({});
  return {};
}

Result<void> PushLog::add(const duck::Table& rows, std::string_view push_id) {
  std::vector<Value> values(columns_.size() + 3, Value::null());
  const auto append = [&](std::size_t place, std::size_t count) {
    values[columns_.size()] = Value::of(push_id);
    values[columns_.size() + 1] = Value::of(static_cast<std::int64_t>(place));
    values[columns_.size() + 2] = Value::of(static_cast<std::int64_t>(count));
    return log_->append(values);
  };
  for (std::size_t i = 0; i < rows.rows; ++i) {
    for (std::size_t c = 0; c < columns_.size(); ++c) values[c] = value_at(rows.columns[c], i);
    TRY(append(i, rows.rows));
    parts_.back().newest = std::max(parts_.back().newest, Timestamp{rows.columns[time_column_].ints[i]});
  }
  parts_.back().ids.emplace_back(push_id);
  ids_.emplace(push_id);
  return {};
}

Result<void> PushLog::seal() {
  const std::vector<SealedFile> files = TRY(log_->freeze(RowLog::Sync::kNo));
  parts_.back().through = files.empty() ? 0 : files.back().sequence;
  parts_.push_back({});
  return {};
}

Result<void> PushLog::covered(Timestamp until) {
  const bool written = !parts_.back().ids.empty();
  const bool large = log_->rows() > kRowsPerPart;
  if (written && (parts_.back().newest <= until || large)) TRY(seal());
  std::size_t done = 0;
  while (done + 1 < parts_.size() && parts_[done].newest <= until) ++done;
  if (done == 0) return {};
  TRY(log_->drop(parts_[done - 1].through));
  for (std::size_t i = 0; i < done; ++i) {
    for (const std::string& id : parts_[i].ids) ids_.erase(id);
  }
  parts_.erase(parts_.begin(), parts_.begin() + static_cast<std::ptrdiff_t>(done));
  return {};
}

Result<duck::Table> PushLog::rows(Timestamp after) {
  if (!parts_.back().ids.empty()) TRY(seal());
  duck::Table all = duck::Table::of(columns_);
  std::unordered_set<std::string> seen;  // "id/place": what a push had left when its process died comes again with it
  for (const SealedFile& file : log_->sealed()) {
    TRY(read_row_log_file(file.path, [&](duck::Table& table) -> Result<void> {
      const duck::Table known = with_columns(table, columns_);
      std::vector<std::size_t> wanted;
      const duck::Column& push = *table.find("~push");
      const duck::Column& place = *table.find("~place");
      for (std::size_t i = 0; i < table.rows; ++i) {
        if (!ids_.contains(push.strings[i]) || known.columns[time_column_].ints[i] <= after.us) continue;
        if (!seen.insert(push.strings[i] + "/" + std::to_string(place.ints[i])).second) continue;
        wanted.push_back(i);
      }
      append_rows(take_rows(known, wanted), all);
      return {};
    }));
  }
  return take_rows(all, sorted_rows(all, event_time_));
}

}  // namespace millrace::datasets
