#pragma once

#include "features/live.h"
#include "serving/vectors.h"

namespace millrace::app {

// The vectors of a feature service, as the endpoints want them: looked up in the online store.
serving::FindVectors online_vectors(const features::Live& live);

}  // namespace millrace::app
