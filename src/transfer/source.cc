#include "transfer/source.h"

#include "transfer/mlflow_database.h"
#include "transfer/mlruns.h"
#include "transfer/server_source.h"

namespace millrace::transfer {

Result<std::unique_ptr<Source>> open_source(const SourceOptions& options, View view) {
  if (is_database_uri(options.uri)) return open_mlflow_database(options, view);
  if (options.uri.starts_with("http://") || options.uri.starts_with("https://")) return open_server_source(options);
  const auto scheme = options.uri.find("://");
  if (scheme != std::string::npos && !options.uri.starts_with("file:")) {
    return invalid_argument(
        "\"{}\" is no place that records come from: name sqlite:///FILE, postgresql://USER@HOST/NAME, the folder of a "
        "file store, or the URL of a millrace server",
        options.uri);
  }
  return open_mlruns(options);
}

}  // namespace millrace::transfer
