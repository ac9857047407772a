#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "serving/logged_tensor.h"
#include "serving/prediction_log.h"
#include "serving/tensor.h"
#include "sql/value.h"

namespace millrace::serving {

// The values of a request's rows as the prediction log takes them. What is added must outlive it; what it answers is
// valid until the next select().
class LoggedRows {
 public:
  LoggedRows(const PredictionSchema& schema, std::size_t rows) : schema_(schema), rows_(rows) {}

  void add_inputs(std::span<const TensorSpec> specs, std::span<const TensorView> inputs);
  void add_outputs(std::span<const Tensor> outputs);
  // The next of the schema's shadows; without outputs where it was not scored.
  void add_shadow(std::span<const Tensor> outputs);

  void select(std::size_t row);
  std::span<const sql::Value> inputs() const { return input_values_; }
  std::span<const sql::Value> outputs() const { return output_values_; }
  std::span<const sql::Value> shadows() const { return shadow_values_; }

 private:
  // What stands in some columns: a tensor, or, without one, nulls.
  struct Part {
    const TensorSpec* spec;
    TensorView view;
  };
  void add(std::span<const TensorSpec> specs, std::span<const Tensor> tensors, std::vector<Part>& parts);
  void fill(const std::vector<Part>& parts, std::size_t row, std::vector<sql::Value>& values);

  const PredictionSchema& schema_;
  std::size_t rows_;
  std::size_t next_shadow_ = 0;
  std::deque<std::vector<std::string_view>> texts_;  // that views show
  std::vector<std::string_view> no_texts_;
  std::vector<Part> inputs_, outputs_, shadows_;
  std::vector<sql::Value> input_values_, output_values_, shadow_values_;
  sql::Scratch scratch_;
};

}  // namespace millrace::serving
