#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "registry/mlmodel.h"
#include "serving/batch.h"
#include "serving/compositions/composition_store.h"
#include "serving/runtime.h"

namespace millrace::blob {
class Store;
}
namespace millrace::registry {
struct ModelVersion;
}

namespace millrace::serving {

// A model version, or a composition of several, in memory: there as long as an endpoint or a request uses it.
struct LoadedModel {
  std::string model;         // of a composition what messages call it
  std::int64_t version = 0;  // of the registered model, or the composition's own
  std::unique_ptr<const Runtime> runtime;
  // What the folder says of itself, which may be nothing; none of a model that is asked for its inputs, as they are.
  std::optional<registry::Signature> signature = {};
  BatchMeasurement measured = {};           // of a model that must be waited for
  std::vector<MemberVersion> members = {};  // the registered versions that it is made of
};

// Measures what must be waited for, and has all else answer some requests that nobody sent, so that the first real one
// finds everything in place.
void try_out(LoadedModel& model);

// Model versions in memory, each once. Thread-safe: whoever wants a version waits only for those who load the same.
class ModelLoader {
 public:
  // Without `python`, models that need it cannot be loaded; it outlives them.
  ModelLoader(blob::Store& blobs, PythonHost* python, const Rehearsal* rehearsal)
      : blobs_(blobs), python_(python), rehearsal_(rehearsal) {}

  // The version, read from its folder unless it is in memory. It has reproduced its golden rows and was tried out.
  Result<std::shared_ptr<const LoadedModel>> load(const registry::ModelVersion& version, const PythonOptions& python);
  // What waits for a loaded model is answered soon (Runtime::stop).
  void stop();

 private:
  // A version's place; its mutex is held by whoever loads it.
  struct Slot {
    std::mutex loading;
    std::weak_ptr<const LoadedModel> model;
  };
  static bool unused(Slot& slot);
  using Key = std::tuple<std::string, std::int64_t, std::string, PythonOptions>;  // the third: where its folder is
  std::shared_ptr<Slot> slot_of(Key key);

  blob::Store& blobs_;
  PythonHost* python_;
  const Rehearsal* rehearsal_;
  std::mutex mutex_;
  std::map<Key, std::shared_ptr<Slot>> slots_;
};

}  // namespace millrace::serving
