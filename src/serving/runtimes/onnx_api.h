#pragma once

#include <onnxruntime_c_api.h>

#include <memory>

#include "base/result.h"

// ONNX Runtime's C API, which is loaded when the first ONNX model is.
namespace millrace::serving::onnx {

// Loads the library: kUnavailable where it is missing or older than what we were written for. Everything below needs
// that this has succeeded once.
Result<void> load();

const OrtApi& api();
// Of the process; it never ends. It logs nothing and reports to nobody.
const OrtEnv* environment();

// Takes the status; a fault is an Error of the library's words. What is wrong with a model or a request's values is
// kInvalidArgument.
Result<void> check(OrtStatus* status);

template <auto kRelease>
struct Release {
  template <typename T>
  void operator()(T* object) const {
    (api().*kRelease)(object);
  }
};
using Session = std::unique_ptr<OrtSession, Release<&OrtApi::ReleaseSession>>;
using SessionOptions = std::unique_ptr<OrtSessionOptions, Release<&OrtApi::ReleaseSessionOptions>>;
using RunOptions = std::unique_ptr<OrtRunOptions, Release<&OrtApi::ReleaseRunOptions>>;
using Value = std::unique_ptr<OrtValue, Release<&OrtApi::ReleaseValue>>;
using TypeInfo = std::unique_ptr<OrtTypeInfo, Release<&OrtApi::ReleaseTypeInfo>>;
using ShapeInfo = std::unique_ptr<OrtTensorTypeAndShapeInfo, Release<&OrtApi::ReleaseTensorTypeAndShapeInfo>>;
using MemoryInfo = std::unique_ptr<OrtMemoryInfo, Release<&OrtApi::ReleaseMemoryInfo>>;

// Calls a function of the API whose last argument is where to put what it makes.
//   const SessionOptions options = TRY(make<SessionOptions>(api().CreateSessionOptions));
template <typename Handle, typename Function, typename... Args>
Result<Handle> make(Function function, Args... args) {
  typename Handle::pointer made = nullptr;
  TRY(check(function(args..., &made)));
  return Handle(made);
}

// The same for plain values.
template <typename T, typename Function, typename... Args>
Result<T> get(Function function, Args... args) {
  T value{};
  TRY(check(function(args..., &value)));
  return value;
}

}  // namespace millrace::serving::onnx
