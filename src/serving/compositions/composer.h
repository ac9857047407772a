#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "serving/composition_spec.h"
#include "serving/compositions/composition_store.h"
#include "serving/compositions/members.h"
#include "serving/model_loader.h"

namespace millrace::registry {
struct ModelVersion;
}

namespace millrace::serving {

// Makes one model of several. Thread-safe.
class Composer {
 public:
  // Without `store`, compositions cannot be made; it outlives this.
  Composer(ModelLoader& loader, CompositionStore* store) : loader_(loader), store_(store) {}

  struct Request {
    const std::string& endpoint;
    const CompositionSpec& spec;
    const std::vector<registry::ModelVersion>& versions;  // what the names of spec.all() mean, in its order
    const PythonOptions& python;
  };
  // The versions loaded, put together and tried out; as long as one is in memory that would be the same, that one.
  Result<std::shared_ptr<const LoadedModel>> compose(const Request& request);

 private:
  struct Kept {
    PythonOptions python;
    std::weak_ptr<const LoadedModel> model;
  };
  Result<Members> load(const Request& request);
  std::shared_ptr<const LoadedModel> find_kept(const Request& request, std::int64_t number);

  ModelLoader& loader_;
  CompositionStore* store_;
  std::mutex mutex_;
  std::map<std::string, Kept, std::less<>> kept_;  // by endpoint
};

}  // namespace millrace::serving
