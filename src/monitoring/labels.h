#pragma once

#include <map>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace millrace::datasets {
class Datasets;
class LogDataset;
}  // namespace millrace::datasets

namespace millrace::monitoring {

// The truth about a prediction. One with a later event time replaces it; the same again changes nothing.
struct Label {
  std::string_view id;   // of the prediction
  Timestamp event_time;  // when the truth became known
  double value = 0;
};

// The labels of each endpoint: the dataset ENDPOINT.labels with the columns id, event_time, value and revision (id and
// event time, the key under which a label is kept once). Thread-safe.
class Labels {
 public:
  explicit Labels(datasets::Datasets& datasets);
  ~Labels();

  static std::string dataset_name(std::string_view endpoint);

  // Durable when it returns. kInvalidArgument for an empty id or a value that is not finite; then none is added.
  Result<void> add(const std::string& endpoint, std::span<const Label> labels);

  // Makes what was added part of the dataset's newest version.
  Result<void> commit(const std::string& endpoint);

 private:
  Result<datasets::LogDataset*> log_of(const std::string& endpoint);

  datasets::Datasets& datasets_;
  std::shared_mutex mutex_;
  std::map<std::string, std::unique_ptr<datasets::LogDataset>> logs_;
};

}  // namespace millrace::monitoring
