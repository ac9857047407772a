#pragma once

#include <optional>
#include <string>
#include <vector>

#include "search/schema.h"
#include "tracking/entities.h"
#include "tracking/projection.h"

namespace millrace::tracking {

inline constexpr int kMaxSearchResults = 50'000;

// What is asked for in MLflow's filter language (docs/formats/search.md).
struct Search {
  std::string filter;
  std::vector<std::string> order_by;
  View view = View::kActiveOnly;
  int max_results = 1000;  // up to kMaxSearchResults
  std::string page_token;  // the `next` of the page before
};

struct RunSearch : Search {
  std::optional<std::vector<std::string>> experiment_ids;  // unset: of all experiments
  Projection fields;
};

// What filters and orders may name.
const search::Schema& run_schema();
const search::Schema& experiment_schema();

}  // namespace millrace::tracking
