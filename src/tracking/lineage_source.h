#pragma once

#include "lineage/source.h"

namespace millrace::db {
class Database;
}

namespace millrace::tracking {

// What MLflow's clients log, as nodes of the lineage graph:
//   run:ID               a run; what it read is upstream, the models that it logged downstream
//   dataset:NAME@DIGEST  a dataset that runs have read, whatever the experiment; where it says what it was read from by
//                        a URI with a scheme, that is upstream: dataset:SCHEME://AUTHORITY#PATH
//   logged_model:m-ID    a logged model, downstream of its run and upstream of runs that read it
// Deleted runs and models are part of it, and say that they are deleted.
class LineageSource : public lineage::Source {
 public:
  // The tables are those of Store, which is opened before.
  explicit LineageSource(db::Database& database) : database_(database) {}

  Result<std::vector<std::string>> neighbours(const std::string& id, lineage::Direction direction,
                                              int limit) const override;
  Result<bool> describe(lineage::Node& node) const override;

 private:
  db::Database& database_;
};

// The node of what a logged dataset's source names by {"uri": "s3://bucket/path"}; "" where it names none.
std::string external_dataset_node(std::string_view source);

}  // namespace millrace::tracking
