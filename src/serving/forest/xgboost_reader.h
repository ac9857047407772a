#pragma once

#include <string_view>

#include "base/result.h"
#include "serving/forest/forest_model.h"

namespace millrace::serving {

// Reads what XGBoost 1.0 to 3.4 saves as .json or .ubj: gbtree, dart and gblinear. kUnimplemented for an objective we
// do not know, kDataLoss or kInvalidArgument for a file that is broken.
Result<ForestModel> read_xgboost_model(std::string_view bytes);

}  // namespace millrace::serving
