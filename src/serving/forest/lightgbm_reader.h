#pragma once

#include <string_view>

#include "base/result.h"
#include "serving/forest/forest_model.h"

namespace millrace::serving {

// Reads what LightGBM 2 to 4 saves as text (src/boosting/gbdt_model_text.cpp in microsoft/LightGBM). kUnimplemented for
// linear trees and objectives we do not know, kDataLoss or kInvalidArgument for a file that is broken.
Result<ForestModel> read_lightgbm_model(std::string_view bytes);

}  // namespace millrace::serving
