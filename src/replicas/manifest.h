#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "replicas/state.h"

namespace millrace::blob {
class Store;
}
namespace millrace::registry {
class Store;
}

namespace millrace::replicas {

// The files of a model version's folder, and where they lie on this machine.
struct Manifest {
  std::vector<ModelFile> files;  // by path
  std::filesystem::path folder;
};
// All files below a folder. Reads them all.
Result<Manifest> read_manifest(const std::filesystem::path& folder);

// The manifests of model versions, each read once: a version's folder never changes. One thread at a time.
class Manifests {
 public:
  Manifests(const registry::Store& registry, blob::Store& blobs) : registry_(&registry), blobs_(&blobs) {}

  Result<std::shared_ptr<const Manifest>> find(const std::string& model, std::int64_t version);
  // Where an alias stands now. kNotFound.
  Result<std::int64_t> version_of(const std::string& model, const std::string& alias) const;
  // Those that nobody asked for since the last time are forgotten.
  void forget_unused();

 private:
  const registry::Store* registry_;
  blob::Store* blobs_;
  std::map<std::string, std::shared_ptr<const Manifest>> known_;  // by the folder's URI
  std::set<std::string> used_;
};

}  // namespace millrace::replicas
