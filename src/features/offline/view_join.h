#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "duck/table.h"
#include "features/features.h"
#include "features/offline/spine.h"

namespace millrace::features::offline {

// The join of one view with a spine: takes the source's rows in any order, then answers.
class ViewJoin {
 public:
  ViewJoin(const ResolvedView& view, const Spine& spine, std::size_t inputs, std::size_t workers);

  const ResolvedView& view() const { return *view_; }

  // Keeps what the spine may ask for. Each worker by one thread at a time.
  Result<void> take(const duck::Table& rows, std::size_t worker);
  // Done taking: groups the rows by key.
  void group();

  std::size_t keys() const { return spine_rows_.keys(); }
  // Answers all of the spine's rows that ask for one key; different keys from different threads. `features` are the
  // columns of all of the service's features, `out` room for one row of them.
  void answer(std::size_t key, std::span<std::vector<double>> features, std::span<double> out) const;
  void answer_rows_without_key(std::span<std::vector<double>> features, std::span<double> out) const;

 private:
  // The rows that one worker took.
  struct Taken {
    std::vector<std::uint32_t> keys;
    SeriesRows rows;
  };
  struct Place {
    std::uint32_t worker, row;
  };
  void store(std::size_t row, std::span<std::vector<double>> features, std::span<const double> out) const;

  const ResolvedView* view_;
  const Spine* spine_;
  KeyedRows spine_rows_;
  std::vector<Taken> taken_;
  std::vector<std::size_t> starts_;  // of a key's rows in places_
  std::vector<Place> places_;
  std::vector<std::size_t> positions_;  // of this view's features
};

}  // namespace millrace::features::offline
