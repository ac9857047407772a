#include "features/live.h"

#include "base/log.h"
#include "datasets/datasets.h"

namespace millrace::features {

Live::Live(datasets::Datasets& datasets, duck::Database& duck, const Clock& clock)
    : datasets_(datasets), duck_(duck), clock_(clock) {
  datasets_.on_rows([this](const std::string& dataset, const datasets::RowBlock& rows, datasets::RowSource source) {
    take(dataset, rows, source);
  });
}

Result<void> Live::apply(std::shared_ptr<const Definitions> definitions) {
  for (const auto& backfill : store_.apply(definitions)) TRY(load(backfill));
  std::lock_guard lock(mutex_);
  definitions_ = std::move(definitions);
  return {};
}

std::shared_ptr<const Definitions> Live::definitions() const {
  std::lock_guard lock(mutex_);
  return definitions_;
}

Result<std::shared_ptr<const online::LookupPlan>> Live::plan(std::string_view service) const {
  return store_.plan(service);
}

Result<void> Live::load(const online::Backfill& backfill) {
  auto version = datasets_.version(backfill.dataset);
  if (version) {
    auto connection = TRY(duck_.connect());
    TRY(connection.stream(backfill.sql(datasets::scan_sql(*version), clock_.now()),
                          [&](duck::Table& rows) { return store_.backfill(backfill.view, rows); }));
  }
  return datasets_.with_pushed_rows(backfill.dataset, [&](const duck::Table& pushed) {
    return store_.finish_backfill(backfill.view, version ? version->version : 0, &pushed);
  });
}

void Live::take(const std::string& dataset, const datasets::RowBlock& rows, datasets::RowSource source) {
  auto taken = source == datasets::RowSource::kBatch
                   ? store_.batch(dataset, rows.rows, rows.max_event_time, rows.version)
                   : store_.push(dataset, rows.rows, "");
  if (!taken)
    log::error("rows did not reach the online store", {{"dataset", dataset}, {"error", taken.error().message}});
  if (source == datasets::RowSource::kBatch) store_.expire(clock_.now());
}

}  // namespace millrace::features
