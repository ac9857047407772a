#pragma once

#include "search/schema.h"

namespace millrace::tracking {

// What filters and orders of traces may name.
const search::Schema& trace_schema();

}  // namespace millrace::tracking
