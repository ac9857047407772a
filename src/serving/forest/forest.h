#pragma once

#include <span>
#include <variant>
#include <vector>

#include "base/result.h"
#include "serving/forest/forest_model.h"
#include "serving/forest/packed_trees.h"
#include "serving/forest/slots.h"

namespace millrace::serving {

// A model ready to score. Margins are what the library that trained it answers: XGBoost's floats to the bit, LightGBM's
// doubles likewise.
//
// Immutable; any number of threads may score at once.
class Forest {
 public:
  // kUnimplemented where the model is larger than the engine counts. The model has passed check_forest.
  static Result<Forest> build(const ForestModel& model);

  std::size_t features() const { return features_; }
  std::size_t groups() const { return base_.size(); }
  // How many predictions a row has: its groups, or one for multi:softmax.
  std::size_t outputs() const { return transformed_size(transform_, groups()); }
  std::size_t tree_count() const;

  // `rows` holds n rows of features() values, NaN = missing; `out` n rows of groups() margins. Numbers are narrowed to
  // those of the model. Number is float or double.
  template <class Number>
  void margins(std::span<const Number> rows, std::span<Number> out) const;
  // The same, through the objective's transform; `out` holds n rows of outputs() predictions.
  template <class Number>
  void predict(std::span<const Number> rows, std::span<Number> out) const;

 private:
  enum class Answer { kMargins, kPredictions };
  template <class Number>
  struct Task {
    const Number* rows;
    Number* out;
    std::size_t count;
    Answer answer;

    Task after(std::size_t rows, const Forest& forest) const;
  };

  template <class Number>
  void score(const Task<Number>& task) const;
  template <class Trees, class Number>
  void score_rows(const Trees& trees, const Task<Number>& task) const;
  template <class Trees, class Number>
  void score_tiles(const Trees& trees, const Task<Number>& task) const;
  template <class Number>
  void score_linear(const Task<Number>& task) const;
  template <class Value, class Number>
  void answer_rows(std::span<Value> margins, const Task<Number>& task) const;
  std::size_t width(Answer answer) const { return answer == Answer::kMargins ? groups() : outputs(); }

  std::size_t features_ = 0;
  std::vector<double> base_;
  double divisor_ = 1;
  Transform transform_;
  Slots slots_;
  std::vector<LinearModel> linear_;
  std::variant<PackedTrees<NarrowNode>, PackedTrees<WideNode>, PackedTrees<DoubleNode>> trees_;
};

}  // namespace millrace::serving
