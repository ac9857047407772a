#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serving/serving.h"
#include "serving/tensor.h"

namespace millrace::api::grpc {

// The small messages of proto/inference.proto.

// What names a model: ModelReadyRequest and its like.
struct ModelName {
  std::string_view name, version;
};
Result<ModelName> read_model_name(std::string_view message);
// RepositoryIndexRequest.ready
Result<bool> read_only_ready(std::string_view message);

// RepositoryModelLoadRequest and RepositoryModelUnloadRequest.
struct RepositoryChange {
  std::string_view model;
  std::vector<std::string_view> parameters;  // their names
};
Result<RepositoryChange> read_repository_change(std::string_view message);

// What describes a tensor: the first fields of TensorMetadata and of InferOutputTensor.
struct TensorDescription {
  std::string_view name;
  serving::Datatype datatype;
  std::span<const std::int64_t> shape;
};
std::string write_tensor_metadata(const TensorDescription& tensor);

// ServerLiveResponse and its like: a bool, the first field.
std::string write_truth(bool truth);
std::string write_server_metadata(std::string_view version, std::span<const std::string_view> extensions);
std::string write_model_metadata(const serving::EndpointStatus& status);
std::string write_model_config(const serving::EndpointStatus& status);

// ModelStatisticsResponse: of each version, or of the one wanted.
std::string write_statistics(std::span<const serving::EndpointStatus> endpoints, std::optional<std::int64_t> wanted);

enum class Listed { kAll, kReady };
std::string write_repository_index(std::span<const serving::EndpointStatus> endpoints, Listed listed);

}  // namespace millrace::api::grpc
