#include "features/online/view_store.h"

#include "features/projection.h"

namespace millrace::features::online {

ViewStore::Shard& ViewStore::shard_of(std::string_view key) const {
  const std::size_t hash = Hash{}(key);
  return shards_[(hash >> 32) % shards_.size()];
}

void ViewStore::as_of(std::string_view key, Timestamp moment, const SeriesReads& reads, std::span<double> out) const {
  const Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.series.find(key);
  if (found == shard.series.end()) return reads.nothing(out);
  found->second.as_of(moment, reads, out);
}

Result<void> ViewStore::group(const duck::Table& rows, Origin origin, Grouped& into) const {
  Projection projection = TRY(Projection::open(*view_, rows));
  for (std::size_t i = 0; i < rows.rows; ++i) {
    const auto row = projection.read(i);
    if (!row || (origin == Origin::kPush && row->known <= covered_)) continue;
    auto found = into.find(row->key);
    if (found == into.end())
      found = into.emplace(std::string(row->key), SeriesRows{view_->values.size(), {}, {}, {}}).first;
    found->second.add(row->time, projection.values());
    if (origin == Origin::kPush) found->second.known.push_back(row->known.us);
  }
  return {};
}

void ViewStore::insert(Grouped rows) {
  for (auto& [key, added] : rows) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    shard.series.try_emplace(key, view_->layout).first->second.insert(added);
  }
}

// Pushed rows until then go, and the batch's come, for each key at once.
void ViewStore::settle(Timestamp until, Grouped rows) {
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (auto& [key, series] : shard.series) {
      series.settle(until);
      const auto added = rows.find(key);
      if (added == rows.end()) continue;
      series.insert(added->second);
      rows.erase(added);
    }
  }
  insert(std::move(rows));
}

Result<void> ViewStore::backfill(const duck::Table& rows) {
  if (!loading_) return failed_precondition("feature view {} has its history already", view_->spec.name);
  return group(rows, Origin::kBatch, history_);
}

Result<void> ViewStore::finish_backfill(std::int64_t version, const duck::Table* pushed) {
  if (!loading_) return {};
  loading_ = false;
  insert(std::exchange(history_, {}));
  version_ = version;
  const auto waiting = std::exchange(waiting_, {});
  for (const Waiting& block : waiting) {
    if (block.version != 0 && block.version <= version)
      cover(block.max_event_time, {});
    else if (block.version != 0)
      TRY(batch(block.rows, block.max_event_time, block.version));
    else if (pushed == nullptr)
      TRY(push(block.rows, block.push_id));
  }
  if (pushed != nullptr && pushed->rows > 0) TRY(push(*pushed, ""));
  return {};
}

Result<void> ViewStore::batch(const duck::Table& rows, Timestamp max_event_time, std::int64_t version) {
  if (loading_) return waiting_.push_back({rows, max_event_time, version, ""}), Result<void>{};
  if (version <= version_) return {};
  Grouped grouped;
  TRY(group(rows, Origin::kBatch, grouped));
  cover(max_event_time, std::move(grouped));
  version_ = version;
  return {};
}

// A batch stands for all rows until then.
void ViewStore::cover(Timestamp until, Grouped rows) {
  settle(until, std::move(rows));
  covered_ = std::max(covered_, until);
  pushes_.clear();
}

Result<void> ViewStore::push(const duck::Table& rows, std::string_view push_id) {
  if (loading_) return waiting_.push_back({rows, {}, 0, std::string(push_id)}), Result<void>{};
  if (pushes_.contains(push_id)) return {};
  Grouped grouped;
  TRY(group(rows, Origin::kPush, grouped));
  insert(std::move(grouped));
  if (!push_id.empty()) pushes_.emplace(push_id);
  return {};
}

void ViewStore::expire(Timestamp oldest_moment) {
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (auto& [key, series] : shard.series) series.expire(oldest_moment);
    std::erase_if(shard.series, [](const auto& entry) { return entry.second.empty(); });
  }
}

void ViewStore::count(std::size_t& keys, std::size_t& rows) const {
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    keys += shard.series.size();
    for (const auto& [key, series] : shard.series) rows += series.size();
  }
}

}  // namespace millrace::features::online
