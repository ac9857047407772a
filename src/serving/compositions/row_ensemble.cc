#include "serving/compositions/row_ensemble.h"

#include <algorithm>

namespace millrace::serving {
namespace {

std::vector<std::size_t> places_of(const std::vector<std::string>& names, const std::vector<std::string>& columns) {
  if (names == columns) return {};
  std::vector<std::size_t> places;
  for (const std::string& name : names)
    places.push_back(static_cast<std::size_t>(std::ranges::find(columns, name) - columns.begin()));
  return places;
}

// Some values of each row, in another order.
std::vector<double> gathered(std::span<const double> rows, std::size_t width, std::span<const std::size_t> from) {
  std::vector<double> values;
  values.reserve(rows.size() / width * from.size());
  for (std::size_t row = 0; row < rows.size() / width; ++row) {
    for (const std::size_t place : from) values.push_back(rows[row * width + place]);
  }
  return values;
}

}  // namespace

std::unique_ptr<const RowEnsemble> RowEnsemble::make(const CompositionSpec& spec, const Members& models,
                                                     std::vector<std::string> columns, const std::vector<Pick>& picks) {
  if (spec.combine == Combine::kVote) return nullptr;
  std::unique_ptr<RowEnsemble> ensemble(new RowEnsemble);
  ensemble->columns_ = std::move(columns);
  for (std::size_t i = 0; i < models.size(); ++i) {
    const RowScorer* scorer = models.runtime(i).rows();
    if (scorer == nullptr) return nullptr;
    if (i == picks.size()) {
      ensemble->final_ = scorer;
      continue;
    }
    ensemble->members_.push_back(
        {scorer, places_of(scorer->columns(), ensemble->columns_), picks[i].value, spec.members[i].weight});
  }
  return ensemble;
}

std::size_t RowEnsemble::outputs_a_row() const {
  return final_ != nullptr ? final_->outputs_a_row() : members_.front().width();
}

// What of its answer counts, row by row.
std::vector<double> RowEnsemble::ask(const Member& member, std::span<const double> rows) const {
  std::vector<double> own;
  if (!member.from.empty()) rows = own = gathered(rows, columns_.size(), member.from);
  const std::size_t width = member.scorer->outputs_a_row();
  std::vector<double> answer(rows.size() / member.scorer->columns().size() * width);
  member.scorer->score(rows, answer);
  return member.value ? gathered(answer, width, {&*member.value, 1}) : answer;
}

void RowEnsemble::score(std::span<const double> rows, std::span<double> out) const {
  final_ != nullptr ? score_stacked(rows, out) : score_mean(rows, out);
}

void RowEnsemble::score_mean(std::span<const double> rows, std::span<double> out) const {
  std::ranges::fill(out, 0.0);
  double sum = 0;
  for (const Member& member : members_) {
    const std::vector<double> answer = ask(member, rows);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += member.weight * answer[i];
    sum += member.weight;
  }
  for (double& value : out) value /= sum;
}

void RowEnsemble::score_stacked(std::span<const double> rows, std::span<double> out) const {
  const std::size_t count = rows.size() / columns_.size(), width = final_->columns().size();
  std::vector<double> stacked(count * width);
  std::size_t first = 0;
  for (const Member& member : members_) {
    const std::vector<double> answer = ask(member, rows);
    for (std::size_t i = 0; i < answer.size(); ++i)
      stacked[i / member.width() * width + first + i % member.width()] = answer[i];
    first += member.width();
  }
  final_->score(stacked, out);
}

}  // namespace millrace::serving
