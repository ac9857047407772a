#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "serving/tensor.h"

namespace millrace::serving {

// The name of what a model answers that has no names of its own.
inline constexpr std::string_view kOutput = "prediction";

// What a request says beside its inputs, for endpoints that divide their requests by it. Answers "" for what it does
// not say.
class RequestHints {
 public:
  virtual ~RequestHints() = default;
  virtual std::string header(std::string_view name) const = 0;     // of HTTP, or gRPC's metadata; in any case
  virtual std::string parameter(std::string_view name) const = 0;  // a number or boolean as its text
};

// Everything is only viewed. The inputs are one of
// - for an endpoint with a feature service: a column of n values for each of its inputs, of shape [n] or [n, 1];
// - the model's own tensors;
// - for a model of f columns of numbers: a tensor of shape [n, f], or a column each.
struct InferRequest {
  std::string_view id;                  // of the prediction; empty: one is drawn
  std::optional<Timestamp> event_time;  // the moment asked about; default: the event clock's now
  std::optional<std::int64_t> version;  // answer only if this version is the one that serves
  std::span<const TensorView> inputs;
  std::span<const std::string_view> outputs;  // those wanted, by name; empty: all
  const RequestHints* hints = nullptr;        // null: the request says nothing
  // For models that must be waited for (Runtime::blocks); others answer at once.
  std::optional<Duration> timeout;  // how long the caller waits; then it is answered kDeadlineExceeded
  std::uint64_t priority = 0;       // 1 is served first, larger ones later, 0 last
};

// The predictions of a request's rows. In the prediction log a request of one row has the request's id, row i of
// several has "ID.i", from 0.
struct InferAnswer {
  std::int64_t version = 0;
  std::string model_name;  // the endpoint's
  std::string id;
  std::vector<Tensor> outputs;
};

}  // namespace millrace::serving
