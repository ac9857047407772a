#include <algorithm>

#include "datasets/state.h"
#include "datasets/table_rows.h"

namespace millrace::datasets {
namespace {

Result<Timestamp> covered_until(const Datasets::State& state, const std::string& dataset) {
  const auto newest = TRY(state.catalog.newest(dataset));
  return newest ? newest->max_event_time : Timestamp{INT64_MIN};
}

// The rows that listeners are to know: in order, good, and later than what the newest version tells.
Result<duck::Table> useful_rows(Datasets::State& state, const Definition& definition, const duck::Table& rows,
                                Timestamp covered, PushResult& result) {
  const duck::Column& time = *rows.find(definition.spec.event_time);
  const std::vector<std::uint8_t> good = TRY(definition.row_judge->judge(rows, state.foundation.duck));
  std::vector<std::size_t> wanted;
  for (const std::size_t row : sorted_rows(rows, definition.spec.event_time)) {
    if (good[row] == 0)
      ++result.quarantined;
    else if (time.ints[row] <= covered.us)
      ++result.covered;
    else
      wanted.push_back(row);
  }
  result.rows = static_cast<std::int64_t>(wanted.size());
  return take_rows(rows, wanted);
}

Result<PushResult> push_typed(Datasets::State& state, Entry& entry, const duck::Table& rows, std::string_view push_id) {
  const std::scoped_lock lock(entry.rows_mutex);
  const std::shared_ptr<const Definition> definition = entry.definition();
  const DatasetSpec& spec = definition->spec;
  PushLog* log = TRY(state.push_log(entry, spec, Datasets::State::Make::kYes));
  if (log->has(push_id)) return PushResult{.duplicate = true};
  PushResult result;
  const Timestamp covered = TRY(covered_until(state, spec.name));
  const duck::Table useful = TRY(useful_rows(state, *definition, rows, covered, result));
  TRY(log->add(useful, push_id));
  if (useful.rows == 0) return result;
  const auto& times = useful.find(spec.event_time)->ints;
  state.tell(spec.name, {.rows = useful, .min_event_time = {times.front()}, .max_event_time = {times.back()}},
             RowSource::kPush);
  return result;
}

Result<void> check_event_times(const DatasetSpec& spec, const duck::Table& rows) {
  const auto& valid = rows.find(spec.event_time)->valid;
  const auto missing = std::ranges::find(valid, 0);
  if (missing == valid.end()) return {};
  return invalid_argument("row {} has no {}, the event time of dataset {}", missing - valid.begin() + 1,
                          spec.event_time, spec.name);
}

Result<void> check_push(const Definition& definition, std::string_view push_id) {
  if (push_id.empty()) return invalid_argument("a push to dataset {} needs an id", definition.spec.name);
  if (definition.is_log)
    return failed_precondition("dataset {} takes no pushes: the server fills it", definition.spec.name);
  return {};
}

}  // namespace

Result<PushLog*> Datasets::State::push_log(Entry& entry, const DatasetSpec& spec, Make make) {
  const std::filesystem::path directory = folder(spec.name) / "pushed";
  if (!entry.pushes && make == Make::kIfPushed && !std::filesystem::exists(directory)) return nullptr;
  if (!entry.pushes) entry.pushes = TRY(PushLog::open(directory, spec.column_types(), spec.event_time));
  return entry.pushes.get();
}

Result<PushResult> Datasets::push(std::string_view name, const duck::Table& rows, std::string_view push_id) {
  const std::shared_ptr<Entry> entry = TRY(state_->find(name));
  const std::shared_ptr<const Definition> definition = entry->definition();
  TRY(check_push(*definition, push_id));
  const duck::Table ordered = TRY(in_order(definition->spec, rows));
  TRY(check_event_times(definition->spec, ordered));
  return push_typed(*state_, *entry, ordered, push_id);
}

Result<PushResult> Datasets::push_json(std::string_view name, std::string_view rows, std::string_view push_id) {
  const std::shared_ptr<Entry> entry = TRY(state_->find(name));
  const std::shared_ptr<const Definition> definition = entry->definition();
  TRY(check_push(*definition, push_id));
  const duck::Table table = TRY(rows_of_json(definition->spec, rows));
  TRY(check_event_times(definition->spec, table));
  return push_typed(*state_, *entry, table, push_id);
}

Result<void> Datasets::with_pushed_rows(std::string_view name, const TakeRows& take) const {
  const std::shared_ptr<Entry> entry = TRY(state_->find(name));
  const std::scoped_lock lock(entry->rows_mutex);
  const std::shared_ptr<const Definition> definition = entry->definition();
  const DatasetSpec& spec = definition->spec;
  PushLog* log = TRY(state_->push_log(*entry, spec, State::Make::kIfPushed));
  if (log == nullptr) return take(duck::Table::of(spec.column_types()));
  return take(TRY(log->rows(TRY(covered_until(*state_, spec.name)))));
}

Result<std::optional<duck::Table>> Datasets::pushed_rows(std::string_view name) const {
  std::optional<duck::Table> pushed;
  TRY(with_pushed_rows(name, [&](const duck::Table& rows) -> Result<void> {
    if (rows.rows > 0) pushed = rows;
    return {};
  }));
  return pushed;
}

}  // namespace millrace::datasets
