#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "serving/compositions/composer.h"
#include "serving/served.h"
#include "serving/vectors.h"

namespace millrace::registry {
class Store;
}

namespace millrace::serving {

// Makes endpoints as requests see them out of what their documents name, all but their prediction logs. Publishes
// nothing. Thread-safe.
class Assembler {
 public:
  struct Parts {
    registry::Store& registry;
    blob::Store& blobs;
    FindVectors find_vectors;
    Meters& meters;
    PythonHost* python = nullptr;              // null: models that need Python cannot be served
    const Rehearsal* rehearsal = nullptr;      // null: models are loaded without one
    CompositionStore* compositions = nullptr;  // null: endpoints of several models cannot be served
  };
  explicit Assembler(Parts parts)
      : parts_(std::move(parts)),
        loader_(parts_.blobs, parts_.python, parts_.rehearsal),
        composer_(loader_, parts_.compositions) {}

  // What the names mean now, loaded. An alias that is not set yet is no error: its arm has no model, and says so. A
  // version that cannot be served is one.
  Result<std::shared_ptr<ServedEndpoint>> assemble(const EndpointSpec& spec, RoutesInForce routes);
  // The same without any model.
  std::shared_ptr<ServedEndpoint> without_models(const EndpointSpec& spec, RoutesInForce routes);
  // The models in memory are no longer waited for.
  void stop() { loader_.stop(); }

 private:
  Result<void> fill_arms(ServedEndpoint& endpoint);
  Result<void> fill_arm(const EndpointSpec& endpoint, const ArmSpec& spec, ServedArm& arm);
  using Versions = std::vector<registry::ModelVersion>;
  Result<Versions> versions_of(const EndpointSpec& endpoint, const ArmSpec& arm) const;
  Result<std::shared_ptr<const LoadedModel>> load(const EndpointSpec& endpoint, const Versions& versions);
  Result<void> match_arms(ServedEndpoint& endpoint);
  void fill_shadows(ServedEndpoint& endpoint);
  Result<void> fill_shadow(const ServedEndpoint& endpoint, ServedShadow& shadow);

  Parts parts_;
  ModelLoader loader_;
  Composer composer_;
};

}  // namespace millrace::serving
