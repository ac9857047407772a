#include "features/online/store.h"

#include <fmt/ranges.h>

#include "base/suggest.h"
#include "duck/quote.h"
#include "features/online/view_store.h"

namespace millrace::features::online {
namespace {

bool same_columns(const CompiledView& a, const CompiledView& b) {
  return std::ranges::equal(a.columns, b.columns, [](const sql::ColumnDef& x, const sql::ColumnDef& y) {
    return x.name == y.name && x.type == y.type;
  });
}

// Whether the rows kept for one serve the other.
bool keeps_same(const CompiledView& a, const CompiledView& b) {
  return a.spec.source.name == b.spec.source.name && a.spec.where == b.spec.where && same_columns(a, b) &&
         a.key_columns == b.key_columns && a.time_column == b.time_column && a.known_column == b.known_column &&
         std::ranges::equal(a.values, b.values, {}, &sql::Expression::text, &sql::Expression::text) &&
         a.layout.columns == b.layout.columns && a.layout.longest == b.layout.longest &&
         a.layout.unlimited_newest == b.layout.unlimited_newest;
}

Backfill backfill_of(const CompiledView& view) {
  Backfill backfill{
      view.spec.name, view.spec.source.name, {}, view.columns[view.time_column].name, view.layout.longest};
  for (const sql::ColumnDef& column : view.columns) backfill.columns.push_back(column.name);
  if (view.layout.unlimited_newest) backfill.history.reset();
  return backfill;
}

}  // namespace

std::string Backfill::sql(std::string_view scan, Timestamp now) const {
  std::string list;
  for (const std::string& column : columns)
    list += fmt::format("{}{}", list.empty() ? "" : ", ", duck::quote_identifier(column));
  if (!history) return fmt::format("select {} from {}", list, scan);
  // A day more than the longest window: expiry keeps whole days.
  const Timestamp from = now - *history - std::chrono::hours(24);
  return fmt::format("select {} from {} where {} >= make_timestamp({})", list, scan, duck::quote_identifier(event_time),
                     from.us);
}

OnlineStore::~OnlineStore() = default;

std::vector<Backfill> OnlineStore::apply(std::shared_ptr<const Definitions> definitions) {
  const std::lock_guard lock(mutex_);
  Views views;
  std::vector<Backfill> wanted;
  for (const auto& [name, view] : definitions->compiled_views()) {
    const auto old = views_.find(name);
    if (old != views_.end() && keeps_same(old->second->view(), *view)) {
      views.emplace(name, old->second);
      continue;
    }
    views.emplace(name, std::make_shared<ViewStore>(view));
    wanted.push_back(backfill_of(*view));
  }
  views_ = std::move(views);
  definitions_ = std::move(definitions);
  return wanted;
}

Result<std::shared_ptr<ViewStore>> OnlineStore::find_view(std::string_view name) const {
  const auto found = views_.find(name);
  if (found != views_.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, store] : views_) names.push_back(known);
  return not_found("feature view {} does not exist{}", name, did_you_mean(name, names));
}

std::vector<std::shared_ptr<ViewStore>> OnlineStore::views_of(std::string_view dataset) const {
  std::vector<std::shared_ptr<ViewStore>> stores;
  for (const auto& [name, store] : views_)
    if (store->view().spec.source.name == dataset) stores.push_back(store);
  return stores;
}

Result<void> OnlineStore::backfill(std::string_view view, const duck::Table& rows) {
  const std::lock_guard lock(mutex_);
  return TRY(find_view(view))->backfill(rows);
}

Result<void> OnlineStore::finish_backfill(std::string_view view, std::int64_t version, const duck::Table* pushed) {
  const std::lock_guard lock(mutex_);
  return TRY(find_view(view))->finish_backfill(version, pushed);
}

Result<void> OnlineStore::batch(std::string_view dataset, const duck::Table& rows, Timestamp max_event_time,
                                std::int64_t version) {
  const std::lock_guard lock(mutex_);
  for (const auto& store : views_of(dataset)) TRY(store->batch(rows, max_event_time, version));
  return {};
}

Result<void> OnlineStore::push(std::string_view dataset, const duck::Table& rows, std::string_view push_id) {
  const std::lock_guard lock(mutex_);
  for (const auto& store : views_of(dataset)) TRY(store->push(rows, push_id));
  return {};
}

void OnlineStore::expire(Timestamp now) {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, store] : views_) store->expire(now - options_.lookback);
}

Result<std::shared_ptr<const LookupPlan>> OnlineStore::plan(std::string_view service) const {
  const std::lock_guard lock(mutex_);
  if (!definitions_) return not_found("feature service {} does not exist", service);
  auto resolved = TRY(definitions_->resolve(service));
  std::vector<std::shared_ptr<const ViewStore>> stores;
  for (const ResolvedView& view : resolved->views) stores.push_back(TRY(find_view(view.view->spec.name)));
  return std::make_shared<LookupPlan>(std::move(resolved), std::move(stores));
}

OnlineStore::Size OnlineStore::size() const {
  const std::lock_guard lock(mutex_);
  Size size;
  for (const auto& [name, store] : views_) store->count(size.keys, size.rows);
  return size;
}

}  // namespace millrace::features::online
