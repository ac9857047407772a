#include "api/grpc/messages.h"

#include <algorithm>

#include "api/grpc/parameters.h"
#include "base/wire.h"

namespace millrace::api::grpc {
namespace {

using serving::Datatype;
using serving::EndpointStatus;
using serving::TensorSpec;

void append_text(std::string& message, std::uint32_t field, std::string_view text) {
  if (!text.empty()) append_wire(message, field, text);
}

void append_extents(std::string& message, std::uint32_t field, std::span<const std::int64_t> extents) {
  for (const auto extent : extents) append_wire_number(message, field, static_cast<std::uint64_t>(extent));
}

// DataType of model_config.proto.
std::uint64_t config_type(Datatype datatype) {
  switch (datatype) {
    case Datatype::kBool:
      return 1;
    case Datatype::kUint8:
      return 2;
    case Datatype::kUint16:
      return 3;
    case Datatype::kUint32:
      return 4;
    case Datatype::kUint64:
      return 5;
    case Datatype::kInt8:
      return 6;
    case Datatype::kInt16:
      return 7;
    case Datatype::kInt32:
      return 8;
    case Datatype::kInt64:
      return 9;
    case Datatype::kFp16:
      return 10;
    case Datatype::kFp32:
      return 11;
    case Datatype::kFp64:
      return 12;
    case Datatype::kBytes:
      return 13;
    case Datatype::kBf16:
      return 14;
  }
  return 0;
}

std::string config_input(const TensorSpec& spec) {
  std::string message;
  append_text(message, 1, spec.name);
  append_wire_number(message, 2, config_type(spec.datatype));
  append_extents(message, 4, spec.shape);
  if (spec.optional) append_wire_number(message, 8, 1);
  return message;
}

std::string config_output(const TensorSpec& spec) {
  std::string message;
  append_text(message, 1, spec.name);
  append_wire_number(message, 2, config_type(spec.datatype));
  append_extents(message, 3, spec.shape);
  return message;
}

std::string metadata_of(const TensorSpec& spec) {
  return write_tensor_metadata({spec.name, spec.datatype, spec.shape});
}

// StatisticDuration.
void append_duration(std::string& message, std::uint32_t field, std::uint64_t count, std::uint64_t ns) {
  std::string duration;
  append_wire_number(duration, 1, count);
  append_wire_number(duration, 2, ns);
  append_wire(message, field, duration);
}

std::string inference_statistics(const serving::RequestTotals& totals) {
  const auto done = totals.success.count;
  std::string message;
  append_duration(message, 1, done, totals.success.ns);
  append_duration(message, 2, totals.failure.count, totals.failure.ns);
  append_duration(message, 3, done, totals.times.queue);
  append_duration(message, 4, done, totals.times.input);
  append_duration(message, 5, done, totals.times.infer);
  append_duration(message, 6, done, totals.times.output);
  append_duration(message, 7, 0, 0);
  append_duration(message, 8, 0, 0);
  return message;
}

std::string batch_statistics(const serving::BatchTotals& batch) {
  std::string message;
  append_wire_number(message, 1, batch.rows);
  append_duration(message, 2, batch.count, batch.times.input);
  append_duration(message, 3, batch.count, batch.times.infer);
  append_duration(message, 4, batch.count, batch.times.output);
  return message;
}

// ModelStatistics.
std::string statistics_of(const std::string& endpoint, std::int64_t version, const serving::RequestTotals& totals) {
  std::string message;
  append_wire(message, 1, endpoint);
  append_wire(message, 2, std::to_string(version));
  append_wire_number(message, 3, totals.last_ms);
  append_wire_number(message, 4, totals.rows);
  append_wire_number(message, 5, totals.success.count);
  append_wire(message, 6, inference_statistics(totals));
  for (const auto& batch : totals.batches) append_wire(message, 7, batch_statistics(batch));
  return message;
}

}  // namespace

Result<ModelName> read_model_name(std::string_view message) {
  ModelName model;
  WireReader in(message);
  while (TRY(in.next())) {
    if (in.field() == 1) model.name = TRY(in.bytes());
    if (in.field() == 2) model.version = TRY(in.bytes());
  }
  return model;
}

Result<bool> read_only_ready(std::string_view message) {
  bool ready = false;
  WireReader in(message);
  while (TRY(in.next())) {
    if (in.field() == 2) ready = TRY(in.number()) != 0;
  }
  return ready;
}

Result<RepositoryChange> read_repository_change(std::string_view message) {
  RepositoryChange change;
  WireReader in(message);
  while (TRY(in.next())) {
    if (in.field() == 2) change.model = TRY(in.bytes());
    if (in.field() == 3) change.parameters.push_back(TRY(read_parameter(TRY(in.bytes()))).name);
  }
  return change;
}

std::string write_tensor_metadata(const TensorDescription& tensor) {
  std::string message;
  append_text(message, 1, tensor.name);
  append_wire(message, 2, to_text(tensor.datatype));
  append_extents(message, 3, tensor.shape);
  return message;
}

std::string write_truth(bool truth) {
  std::string message;
  if (truth) append_wire_number(message, 1, 1);
  return message;
}

std::string write_server_metadata(std::string_view version, std::span<const std::string_view> extensions) {
  std::string message;
  append_wire(message, 1, "millrace");
  append_wire(message, 2, version);
  for (const auto extension : extensions) append_wire(message, 3, extension);
  return message;
}

std::string write_model_metadata(const EndpointStatus& status) {
  std::string message;
  append_wire(message, 1, status.spec.name);
  for (const auto version : serving::served_versions(status)) append_wire(message, 2, std::to_string(version));
  append_text(message, 3, status.platform);
  for (const auto& input : status.inputs) append_wire(message, 4, metadata_of(input));
  for (const auto& output : status.outputs) append_wire(message, 5, metadata_of(output));
  return message;
}

std::string write_model_config(const EndpointStatus& status) {
  std::string config;
  append_wire(config, 1, status.spec.name);
  append_text(config, 2, status.platform);
  for (const auto& input : status.inputs) append_wire(config, 5, config_input(input));
  for (const auto& output : status.outputs) append_wire(config, 6, config_output(output));
  std::string message;
  append_wire(message, 1, config);
  return message;
}

std::string write_statistics(std::span<const EndpointStatus> endpoints, std::optional<std::int64_t> wanted) {
  std::string message;
  for (const auto& status : endpoints) {
    for (const auto version : serving::served_versions(status)) {
      if (wanted && version != *wanted) continue;
      const auto arm = std::ranges::find(status.arms, std::optional(version), &serving::ArmStatus::version);
      append_wire(message, 1, statistics_of(status.spec.name, version, arm->requests));
    }
  }
  return message;
}

std::string write_repository_index(std::span<const EndpointStatus> endpoints, Listed listed) {
  std::string message;
  const auto add = [&](const EndpointStatus& status, const std::string& version, std::string_view state) {
    std::string model;
    append_wire(model, 1, status.spec.name);
    append_text(model, 2, version);
    append_wire(model, 3, state);
    if (version.empty()) append_text(model, 4, status.problem);
    append_wire(message, 1, model);
  };
  for (const auto& status : endpoints) {
    for (const auto version : serving::served_versions(status)) add(status, std::to_string(version), "READY");
    if (!status.version && listed == Listed::kAll) add(status, "", "UNAVAILABLE");
  }
  return message;
}

}  // namespace millrace::api::grpc
