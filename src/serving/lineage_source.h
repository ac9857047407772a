#pragma once

#include "lineage/source.h"

namespace millrace::serving {

class CompositionStore;
class Endpoints;

// Endpoints as nodes "endpoint:NAME", downstream of the versions that they serve and shadow now; and compositions, as
// nodes "composition:NAME/NUMBER" between the versions that they are made of and the endpoint that serves them.
class LineageSource : public lineage::Source {
 public:
  LineageSource(const Endpoints& endpoints, const CompositionStore& compositions)
      : endpoints_(endpoints), compositions_(compositions) {}

  Result<std::vector<std::string>> neighbours(const std::string& id, lineage::Direction direction,
                                              int limit) const override;
  Result<bool> describe(lineage::Node& node) const override;

 private:
  Result<std::vector<std::string>> upstream(const std::string& id) const;
  Result<std::vector<std::string>> downstream(const std::string& id, int limit) const;

  const Endpoints& endpoints_;
  const CompositionStore& compositions_;
};

}  // namespace millrace::serving
