#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.h"

namespace millrace::serving {

// The name of what every model answers.
inline constexpr std::string_view kOutput = "prediction";

// One named input of a request: a column of n values, of shape [n] or [n, 1]; or, for an endpoint without a feature
// service, all of the model's f inputs at once, row-major, of shape [n, f]. Everything is only viewed.
struct InputTensor {
  using Data = std::variant<std::span<const std::int64_t>, std::span<const double>, std::span<const std::string_view>,
                            std::span<const bool>>;
  std::string_view name;
  std::span<const std::int64_t> shape;
  Data data;
};

struct InferRequest {
  std::string_view id;                  // of the prediction; empty: one is drawn
  std::optional<Timestamp> event_time;  // the moment asked about; default: the event clock's now
  std::optional<std::int64_t> version;  // answer only if this version is the one that serves
  std::span<const InputTensor> inputs;
};

// The predictions of a request's rows. In the prediction log a request of one row has the request's id, row i of
// several has "ID.i", from 0.
struct InferAnswer {
  std::string_view output = kOutput;
  std::int64_t version = 0;
  std::string model_name;  // the endpoint's
  std::string id;
  std::size_t rows = 0;
  std::size_t columns = 1;     // values a row: one, or one a class
  std::vector<double> values;  // row-major
};

}  // namespace millrace::serving
