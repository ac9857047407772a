#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "serving/composition_spec.h"
#include "serving/compositions/members.h"
#include "serving/compositions/pick.h"
#include "serving/runtime.h"

namespace millrace::serving {

// An ensemble of tree models, scored without tensors: their mean, or what a final one makes of them. The numbers are
// those that the tensors would give.
class RowEnsemble final : public RowScorer {
 public:
  // `columns` are those of all members together, `picks` says what of each one's answer counts. Null where a member
  // cannot be scored so, or the answer is no number. The models outlive this.
  static std::unique_ptr<const RowEnsemble> make(const CompositionSpec& spec, const Members& models,
                                                 std::vector<std::string> columns, const std::vector<Pick>& picks);

  const std::vector<std::string>& columns() const override { return columns_; }
  std::size_t outputs_a_row() const override;
  void score(std::span<const double> rows, std::span<double> out) const override;

 private:
  struct Member {
    const RowScorer* scorer;
    std::vector<std::size_t> from;     // where its columns stand among all; empty: it takes them all, as they are
    std::optional<std::size_t> value;  // of its answer; none: all of it
    double weight;

    std::size_t width() const { return value ? 1 : scorer->outputs_a_row(); }
  };
  RowEnsemble() = default;
  std::vector<double> ask(const Member& member, std::span<const double> rows) const;
  void score_mean(std::span<const double> rows, std::span<double> out) const;
  void score_stacked(std::span<const double> rows, std::span<double> out) const;

  std::vector<std::string> columns_;
  std::vector<Member> members_;
  const RowScorer* final_ = nullptr;  // of stacking
};

}  // namespace millrace::serving
