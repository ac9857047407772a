#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "duck/table.h"
#include "features/features.h"

namespace millrace::features::online {

// The rows of one view, by key. Readers and one writer at a time; a lock guards each of the shards.
class ViewStore {
 public:
  explicit ViewStore(std::shared_ptr<const CompiledView> view) : view_(std::move(view)) {}

  const CompiledView& view() const { return *view_; }

  // The answers for a key as of a moment; thread-safe.
  void as_of(std::string_view key, Timestamp moment, const SeriesReads& reads, std::span<double> out) const;

  // Writers: one at a time.
  Result<void> backfill(const duck::Table& rows);
  Result<void> finish_backfill(std::int64_t version, const duck::Table* pushed);
  Result<void> batch(const duck::Table& rows, Timestamp max_event_time, std::int64_t version);
  Result<void> push(const duck::Table& rows, std::string_view push_id);
  void expire(Timestamp oldest_moment);
  void count(std::size_t& keys, std::size_t& rows) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const { return std::hash<std::string_view>{}(key); }
  };
  using Series = std::unordered_map<std::string, WindowSeries, Hash, std::equal_to<>>;
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    Series series;
  };
  // What came while history was being loaded.
  struct Waiting {
    duck::Table rows;
    Timestamp max_event_time;
    std::int64_t version = 0;  // of a batch
    std::string push_id;
  };
  enum class Origin { kBatch, kPush };
  using Grouped = std::unordered_map<std::string, SeriesRows, Hash, std::equal_to<>>;

  Shard& shard_of(std::string_view key) const;
  Result<void> group(const duck::Table& rows, Origin origin, Grouped& into) const;
  void insert(Grouped rows);
  void settle(Timestamp until, Grouped rows);
  void cover(Timestamp until, Grouped rows);

  std::shared_ptr<const CompiledView> view_;
  mutable std::array<Shard, 64> shards_;
  bool loading_ = true;
  Grouped history_;  // while loading
  std::vector<Waiting> waiting_;
  std::int64_t version_ = 0;
  Timestamp covered_{std::numeric_limits<std::int64_t>::min()};
  std::set<std::string, std::less<>> pushes_;  // since the last batch
};

}  // namespace millrace::features::online
