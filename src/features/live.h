#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "features/features.h"
#include "features/online/store.h"

namespace millrace::datasets {
class Datasets;
struct RowBlock;
enum class RowSource;
}  // namespace millrace::datasets
namespace millrace::duck {
class Database;
}

namespace millrace::features {

// The definitions in force and the online store that answers by them, fed by the datasets' batches and pushes.
// Thread-safe.
class Live {
 public:
  // Listens to `datasets` from here on; both and the clock must outlive it.
  Live(datasets::Datasets& datasets, duck::Database& duck, const Clock& clock);

  // Takes over the definitions and loads the rows that new or changed views need.
  Result<void> apply(std::shared_ptr<const Definitions> definitions);

  std::shared_ptr<const Definitions> definitions() const;
  // kNotFound with the nearest name.
  Result<std::shared_ptr<const online::LookupPlan>> plan(std::string_view service) const;
  online::OnlineStore::Size size() const { return store_.size(); }

 private:
  Result<void> load(const online::Backfill& backfill);
  void take(const std::string& dataset, const datasets::RowBlock& rows, datasets::RowSource source);

  datasets::Datasets& datasets_;
  duck::Database& duck_;
  const Clock& clock_;
  online::OnlineStore store_;
  mutable std::mutex mutex_;  // of definitions_
  std::shared_ptr<const Definitions> definitions_;
};

}  // namespace millrace::features
