#pragma once

#include <string_view>

#include "base/result.h"
#include "registry/entities.h"

namespace millrace::registry {

// MLflow's rules for names (mlflow/utils/validation.py). All errors are kInvalidArgument.

Result<void> check_model_name(std::string_view name);
// Letters, digits, underscores and dashes; not "latest" and not "v3", which MLflow reads as versions.
Result<void> check_alias(std::string_view alias);
Result<void> check_tag(const Tag& tag);

}  // namespace millrace::registry
