#pragma once

#include <memory>
#include <string>
#include <vector>

#include "serving/composition_spec.h"
#include "serving/model_loader.h"

namespace millrace::serving {

// The models of a composition, in memory as long as it is.
class Members {
 public:
  explicit Members(std::vector<std::shared_ptr<const LoadedModel>> models) : models_(std::move(models)) {}

  std::size_t size() const { return models_.size(); }
  const LoadedModel& operator[](std::size_t at) const { return *models_[at]; }
  const Runtime& runtime(std::size_t at) const { return *models_[at]->runtime; }
  bool block() const;
  std::vector<WorkerStatus> workers() const;
  // "model scaler version 3"
  std::string name(std::size_t at) const;
  // The error, with that in front.
  std::unexpected<Error> in_context(std::size_t at, const Error& error) const;

 private:
  std::vector<std::shared_ptr<const LoadedModel>> models_;
};

}  // namespace millrace::serving
