#pragma once

#include <string>
#include <string_view>

#include "api/http/services.h"
#include "base/result.h"
#include "registry/registry.h"

namespace millrace::api::mlflow {

// What a client says a new version is made of.
struct SourceRequest {
  std::string source;
  std::string run_id;
  std::string model_id;
};

struct ModelSource {
  std::string source;   // as it was given; of another version, that version's URI
  std::string storage;  // where its bytes are; empty where only the client knows
  std::string run_id;
  std::string model_id;
};

// Resolves "models:/m-...", "models:/NAME/VERSION", "models:/NAME@ALIAS", "runs:/RUN/PATH" and
// "mlflow-artifacts:/PATH". Anything else that is not on the server's own disk is kept as it is and never fetched.
// kInvalidArgument, in MLflow's words, for a local path, for a path that climbs, and where the run or model named is
// not the one that has it.
Result<ModelSource> resolve_source(Services& services, const SourceRequest& request);

// What stands at "models:/..." without that scheme: "NAME/3", "NAME@champion", "NAME/Production", "NAME/latest".
Result<registry::ModelVersion> find_version_by_uri(Services& services, std::string_view path);

// Fills in what the folder says of itself, where it is in the server's store: signature, flavors, pickles.
void describe(Services& services, registry::NewVersion& version);

}  // namespace millrace::api::mlflow
