#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "duck/table.h"
#include "features/features.h"
#include "features/online/lookup.h"

namespace millrace::features::online {

class ViewStore;

struct StoreOptions {
  // How far before the newest expire() a lookup may still ask.
  Duration lookback = std::chrono::hours(24);
};

// What a new or changed view needs of its dataset's past before it can answer.
struct Backfill {
  std::string view;
  std::string dataset;
  std::vector<std::string> columns;  // those that rows must have
  std::string event_time;            // the column that the view goes by
  std::optional<Duration> history;   // how far back; nullopt: everything

  // The rows to load, in pieces of any size and in any order. `scan` stands in a from clause.
  std::string sql(std::string_view scan, Timestamp now) const;
};

// The rows of all views that lookups can reach, in memory, answering as of any moment since the last expiry. Fed by
// the datasets' batches and pushes. Thread-safe: lookups take only a lock that some sixty-fourth of a view's keys
// share.
class OnlineStore {
 public:
  explicit OnlineStore(StoreOptions options = {}) : options_(options) {}
  ~OnlineStore();
  OnlineStore(const OnlineStore&) = delete;
  OnlineStore& operator=(const OnlineStore&) = delete;

  // Takes over the definitions. Views that did not change keep their rows; for the rest, load the answer: backfill()
  // each, as often as there are pieces, then finish_backfill(). Batches and pushes that come meanwhile are kept.
  // Lookup plans made before go on answering from the old rows: make them anew.
  std::vector<Backfill> apply(std::shared_ptr<const Definitions> definitions);
  Result<void> backfill(std::string_view view, const duck::Table& rows);
  // `version` is the dataset version that was loaded, 0 where there was none. `pushed` are all rows that were pushed
  // and that no version covers, and stand for the pushes that came meanwhile; none may come during the call.
  Result<void> finish_backfill(std::string_view view, std::int64_t version, const duck::Table* pushed = nullptr);

  // The rows of a new dataset version. They stand for all rows up to their last event time, so pushed rows until then
  // go. A version that was seen already is passed over.
  Result<void> batch(std::string_view dataset, const duck::Table& rows, Timestamp max_event_time, std::int64_t version);
  // Rows ahead of their batch. The same id again (if it is not empty) before the next batch is passed over, as are rows
  // that a batch has covered.
  Result<void> push(std::string_view dataset, const duck::Table& rows, std::string_view push_id);

  // Drops what no lookup at a moment after now - lookback can reach.
  void expire(Timestamp now);

  // How to answer lookups of a service. kNotFound.
  Result<std::shared_ptr<const LookupPlan>> plan(std::string_view service) const;

  struct Size {
    std::size_t keys = 0, rows = 0;
  };
  Size size() const;

 private:
  using Views = std::map<std::string, std::shared_ptr<ViewStore>, std::less<>>;
  Result<std::shared_ptr<ViewStore>> find_view(std::string_view name) const;
  std::vector<std::shared_ptr<ViewStore>> views_of(std::string_view dataset) const;

  StoreOptions options_;
  mutable std::mutex mutex_;  // of all but lookups
  std::shared_ptr<const Definitions> definitions_;
  Views views_;
};

}  // namespace millrace::features::online
