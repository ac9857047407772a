#pragma once

#include <string>
#include <string_view>

#include "api/http/services.h"
#include "registry/entities.h"
#include "registry/environment.h"

namespace millrace::api {

// A text file of the folder of a version, where the server keeps it; "" where there is none, or it is larger than a
// page (256 KiB).
std::string read_model_file(Services& services, const registry::ModelVersion& version, std::string_view name);

registry::Environment environment_of(Services& services, const registry::ModelVersion& version);

}  // namespace millrace::api
