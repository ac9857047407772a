#pragma once

#include <map>
#include <memory>
#include <string>

#include "features/features.h"

namespace millrace::features {

// What a service may name.
struct KnownViews {
  const std::map<std::string, const FeatureViewSpec*, std::less<>>& specs;
  const std::map<std::string, std::shared_ptr<const CompiledView>, std::less<>>& compiled;  // those over datasets
};

// nullptr where there are faults.
std::shared_ptr<const ResolvedService> resolve_service(const FeatureServiceSpec& spec, const KnownViews& views,
                                                       Diagnostics& diagnostics);

}  // namespace millrace::features
