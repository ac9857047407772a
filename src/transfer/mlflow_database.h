#pragma once

#include <memory>
#include <string>

#include "transfer/source.h"

namespace millrace::transfer {

// "sqlite:///FILE" and "postgresql://...", as MLflow takes them, a driver's name ("postgresql+psycopg2") among them.
bool is_database_uri(std::string_view uri);

Result<std::unique_ptr<Source>> open_mlflow_database(const SourceOptions& options, View view);

}  // namespace millrace::transfer
