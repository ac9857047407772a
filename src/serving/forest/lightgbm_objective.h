#pragma once

#include <string_view>

#include "base/result.h"
#include "serving/forest/transform.h"

namespace millrace::serving {

// What a model file's objective ("binary sigmoid:1") makes of margins (src/objective in microsoft/LightGBM); an empty
// one leaves them alone, as "custom" does. kUnimplemented for one we do not know.
Result<Transform> lightgbm_objective(std::string_view text);

}  // namespace millrace::serving
