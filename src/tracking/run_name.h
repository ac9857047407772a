#pragma once

#include <string>
#include <string_view>

namespace millrace::tracking {

// A name for a person to remember a run by, "steady-otter-417"; the same id always has the same one.
std::string run_name_of(std::string_view run_id);

}  // namespace millrace::tracking
