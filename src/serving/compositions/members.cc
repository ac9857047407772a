#include "serving/compositions/members.h"

#include <algorithm>

namespace millrace::serving {

bool Members::block() const {
  return std::ranges::any_of(models_, [](const auto& model) { return model->runtime->blocks(); });
}

std::vector<WorkerStatus> Members::workers() const {
  std::vector<WorkerStatus> all;
  for (const auto& model : models_) {
    for (WorkerStatus& worker : model->runtime->workers()) all.push_back(std::move(worker));
  }
  return all;
}

std::string Members::name(std::size_t at) const {
  return fmt::format("model {} version {}", models_[at]->model, models_[at]->version);
}

std::unexpected<Error> Members::in_context(std::size_t at, const Error& error) const {
  return std::unexpected(Error(error).in(name(at)));
}

}  // namespace millrace::serving
