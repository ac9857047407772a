#include "features/offline/view_join.h"

#include <algorithm>

#include "features/projection.h"

namespace millrace::features::offline {

ViewJoin::ViewJoin(const ResolvedView& view, const Spine& spine, std::size_t inputs, std::size_t workers)
    : view_(&view), spine_(&spine), spine_rows_(spine, view, inputs), taken_(workers) {
  for (Taken& taken : taken_) taken.rows.columns = view.view->values.size();
  for (const NewestRead& read : view.reads.newest) positions_.push_back(read.position);
  for (const WindowRead& read : view.reads.windows)
    for (const WindowColumn& column : read.columns)
      for (const WindowOutput& output : column.outputs) positions_.push_back(output.position);
}

Result<void> ViewJoin::take(const duck::Table& rows, std::size_t worker) {
  Projection projection = TRY(Projection::open(*view_->view, rows));
  Taken& taken = taken_[worker];
  for (std::size_t i = 0; i < rows.rows; ++i) {
    const auto row = projection.read(i);
    const std::uint32_t key = row ? spine_rows_.find(row->key) : KeyedRows::kNone;
    if (key == KeyedRows::kNone) continue;
    taken.keys.push_back(key);
    taken.rows.add(row->time, projection.values());
  }
  return {};
}

void ViewJoin::group() {
  starts_.assign(keys() + 1, 0);
  for (const Taken& taken : taken_)
    for (const std::uint32_t key : taken.keys) ++starts_[key + 1];
  for (std::size_t k = 1; k < starts_.size(); ++k) starts_[k] += starts_[k - 1];
  places_.resize(starts_.back());
  auto next = starts_;
  for (std::uint32_t w = 0; w < taken_.size(); ++w)
    for (std::uint32_t r = 0; r < taken_[w].keys.size(); ++r) places_[next[taken_[w].keys[r]]++] = {w, r};
}

void ViewJoin::answer(std::size_t key, std::span<std::vector<double>> features, std::span<double> out) const {
  SeriesRows rows;
  rows.columns = view_->view->values.size();
  for (std::size_t i = starts_[key]; i < starts_[key + 1]; ++i) {
    const SeriesRows& from = taken_[places_[i].worker].rows;
    rows.add({from.times[places_[i].row]}, from.row(places_[i].row));
  }
  WindowSeries series(view_->view->layout);
  series.insert(rows);
  // In order of the moments, so that what one question touched is at hand for the next.
  std::vector<std::uint32_t> asking(spine_rows_.rows_of(key).begin(), spine_rows_.rows_of(key).end());
  std::ranges::sort(asking, {}, [&](std::uint32_t row) { return spine_->moment(row).us; });
  for (const std::uint32_t row : asking) {
    series.as_of(spine_->moment(row), view_->reads, out);
    store(row, features, out);
  }
}

void ViewJoin::answer_rows_without_key(std::span<std::vector<double>> features, std::span<double> out) const {
  view_->reads.nothing(out);
  for (const std::uint32_t row : spine_rows_.without_key()) store(row, features, out);
}

void ViewJoin::store(std::size_t row, std::span<std::vector<double>> features, std::span<const double> out) const {
  for (const std::size_t position : positions_) features[position][row] = out[position];
}

}  // namespace millrace::features::offline
