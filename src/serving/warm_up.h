#pragma once

#include "serving/runtime.h"

namespace millrace::serving {

// Asks the model some questions that nobody sent, so that the first real request finds code and data in the caches and
// what a runtime makes at its first call. What it answers does not matter.
void warm_up(const Runtime& runtime);

}  // namespace millrace::serving
