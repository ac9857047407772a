#pragma once

#include <map>
#include <string>

#include "base/result.h"

namespace millrace::training {

using Params = std::map<std::string, std::string>;

// The given ones and our defaults. kInvalidArgument, with the nearest name, for a name that XGBoost does not know (it
// would only warn).
Result<Params> complete_params(const Params& given);

}  // namespace millrace::training
