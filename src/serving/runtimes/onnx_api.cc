#include "serving/runtimes/onnx_api.h"

#include <algorithm>

#include "base/late_library.h"

namespace millrace::late {
Result<void> load_onnxruntime();
}

namespace millrace::serving::onnx {
namespace {

// The first that has all that we call; the API only ever grows.
constexpr std::uint32_t kApiVersion = 19;

struct Library {
  const OrtApi* api = nullptr;
  OrtEnv* environment = nullptr;
};

Code code_of(OrtErrorCode code) {
  switch (code) {
    case ORT_NOT_IMPLEMENTED:
      return Code::kUnimplemented;
    case ORT_ENGINE_ERROR:
    case ORT_EP_FAIL:
      return Code::kInternal;
    default:
      return Code::kInvalidArgument;
  }
}

Result<void> checked(const OrtApi& api, OrtStatus* status) {
  if (status == nullptr) return {};
  std::string message = api.GetErrorMessage(status);
  std::ranges::replace(message, '\n', ' ');
  const Code code = code_of(api.GetErrorCode(status));
  api.ReleaseStatus(status);
  return fail(code, "ONNX Runtime: {}", message);
}

Result<Library> open() {
  TRY(late::load_onnxruntime());
  const OrtApiBase* const base = OrtGetApiBase();
  Library library{.api = base->GetApi(kApiVersion)};
  if (library.api == nullptr) {
    return unavailable("ONNX Runtime {} is too old; version 1.{} or newer is needed", base->GetVersionString(),
                       kApiVersion);
  }
  TRY(checked(*library.api, library.api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "millrace", &library.environment)));
  TRY(checked(*library.api, library.api->DisableTelemetryEvents(library.environment)));
  return library;
}

const Result<Library>& library() {
  static const Result<Library> opened = open();
  return opened;
}

}  // namespace

Result<void> load() {
  TRY(library());
  return {};
}

const OrtApi& api() { return *library()->api; }
const OrtEnv* environment() { return library()->environment; }
Result<void> check(OrtStatus* status) { return status == nullptr ? Result<void>() : checked(api(), status); }

}  // namespace millrace::serving::onnx
