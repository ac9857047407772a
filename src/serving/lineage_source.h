#pragma once

#include "lineage/source.h"

namespace millrace::serving {

class Endpoints;

// Endpoints as nodes "endpoint:NAME", downstream of the versions that they serve and shadow now.
class LineageSource : public lineage::Source {
 public:
  explicit LineageSource(const Endpoints& endpoints) : endpoints_(endpoints) {}

  Result<std::vector<std::string>> neighbours(const std::string& id, lineage::Direction direction,
                                              int limit) const override;
  Result<bool> describe(lineage::Node& node) const override;

 private:
  const Endpoints& endpoints_;
};

}  // namespace millrace::serving
