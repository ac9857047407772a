#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace::tracking {

// Which parts of a run are wanted. Its own attributes are always there: they cost nothing.
class Projection {
 public:
  enum class Part { kMetrics, kParams, kTags, kInputs };

  // All of it.
  Projection() = default;
  // Of "metrics.auc", "params.*", "tags.mlflow.user", "inputs" and attributes such as "run_id"; nothing said is all.
  // kInvalidArgument for other words.
  static Result<Projection> parse(const std::vector<std::string>& fields);

  bool wants(Part part) const { return keys_of(part).any || !keys_of(part).names.empty(); }
  bool wants_every(Part part) const { return keys_of(part).any; }
  // The keys that are wanted where not every one is.
  const std::vector<std::string>& keys(Part part) const { return keys_of(part).names; }

 private:
  struct Keys {
    bool any = true;
    std::vector<std::string> names = {};
  };
  const Keys& keys_of(Part part) const { return parts_[static_cast<std::size_t>(part)]; }

  Keys parts_[4];
};

}  // namespace millrace::tracking
