#pragma once

#include <filesystem>

#include "base/result.h"
#include "serving/endpoint_spec.h"

namespace millrace::blob {
class Store;
}
namespace millrace::registry {
class Store;
}

namespace millrace::app {

// Models that stand as files in a project are registered when the project is applied: as versions of the model
// ENDPOINT.file, the same bytes always as the same version. So everything that holds for registered versions holds for
// them.
class FileModels {
 public:
  // `scratch` is a folder for what is only needed meanwhile.
  FileModels(registry::Store& registry, blob::Store& blobs, std::filesystem::path scratch)
      : registry_(registry), blobs_(blobs), scratch_(std::move(scratch)) {}

  // The endpoint's spec with the version that its file is; any other endpoint's as it is. `project` is the folder of
  // the release. kInvalidArgument for a file of no kind that can be served by itself.
  Result<serving::EndpointSpec> resolve(const serving::EndpointSpec& spec, const std::filesystem::path& project);

 private:
  Result<std::int64_t> version_of(const serving::EndpointSpec& spec, const std::filesystem::path& source);
  Result<std::string> put(const std::filesystem::path& source, const std::string& key);

  registry::Store& registry_;
  blob::Store& blobs_;
  const std::filesystem::path scratch_;
};

}  // namespace millrace::app
