#pragma once

#include <string>
#include <vector>

namespace millrace::tracking {

// A dataset of MLflow's by its name and, where it is not empty, its digest.
struct DatasetRef {
  std::string name;
  std::string digest;
};

struct ModelOrder {
  std::string field;  // "creation_time" or "metrics.KEY"
  bool ascending = true;
  DatasetRef dataset;  // name not empty: the metric's latest value on this dataset
};

// What is asked for in MLflow's filter language (docs/formats/search.md): attributes, metrics, params, tags. A
// comparison with a metric holds where one of its values fits.
struct ModelSearch {
  std::vector<std::string> experiment_ids;
  std::string filter;
  std::vector<DatasetRef> datasets;  // not empty: models with metrics on one of these; only those are compared
  int max_results = 100;
  std::vector<ModelOrder> order_by;
  std::string page_token;  // the `next` of the page before, of the same search
};

}  // namespace millrace::tracking
