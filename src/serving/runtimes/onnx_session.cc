#include "serving/runtimes/onnx_session.h"

#include <atomic>
#include <boost/container/small_vector.hpp>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "serving/runtimes/onnx_api.h"

namespace millrace::serving {
namespace {

using boost::container::small_vector;
using onnx::api, onnx::check, onnx::get, onnx::make;

constexpr std::pair<Datatype, ONNXTensorElementDataType> kDatatypes[] = {
    {Datatype::kBool, ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL},
    {Datatype::kUint8, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8},
    {Datatype::kUint16, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16},
    {Datatype::kUint32, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32},
    {Datatype::kUint64, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64},
    {Datatype::kInt8, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8},
    {Datatype::kInt16, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16},
    {Datatype::kInt32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32},
    {Datatype::kInt64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64},
    {Datatype::kFp16, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16},
    {Datatype::kBf16, ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16},
    {Datatype::kFp32, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT},
    {Datatype::kFp64, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE},
    {Datatype::kBytes, ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING},
};

ONNXTensorElementDataType element_type(Datatype datatype) {
  for (const auto& [ours, theirs] : kDatatypes) {
    if (ours == datatype) return theirs;
  }
  return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

Result<Datatype> datatype_of(ONNXTensorElementDataType type) {
  for (const auto& [ours, theirs] : kDatatypes) {
    if (theirs == type) return ours;
  }
  return fail(Code::kUnimplemented, "elements of ONNX's type {} are not of the inference protocol",
              static_cast<int>(type));
}

// Strings and tensors of our own live where ONNX Runtime allocates by default.
Result<OrtAllocator*> allocator() { return get<OrtAllocator*>(api().GetAllocatorWithDefaultOptions); }

Result<onnx::SessionOptions> session_options(const std::filesystem::path& folder, const OnnxOptions& options) {
  auto made = TRY(make<onnx::SessionOptions>(api().CreateSessionOptions));
  OrtSessionOptions* const raw = made.get();
  TRY(check(api().SetSessionLogSeverityLevel(raw, ORT_LOGGING_LEVEL_FATAL)));
  TRY(check(api().SetIntraOpNumThreads(raw, options.intra_op_threads)));
  TRY(check(api().SetInterOpNumThreads(raw, options.inter_op_threads)));
  TRY(check(api().SetSessionExecutionMode(raw, options.side_by_side ? ORT_PARALLEL : ORT_SEQUENTIAL)));
  TRY(check(
      api().SetSessionGraphOptimizationLevel(raw, static_cast<GraphOptimizationLevel>(options.graph_optimization))));
  // What a big request took is given back when it is answered; an arena and plans for each shape would keep it.
  TRY(check(api().DisableCpuMemArena(raw)));
  TRY(check(api().DisableMemPattern(raw)));
  const auto set = [raw](const char* key, const char* value) { return api().AddSessionConfigEntry(raw, key, value); };
  TRY(check(set("session.load_model_format", "ONNX")));
  TRY(check(set("session.intra_op.allow_spinning", "0")));  // threads that wait leave the cores to others
  TRY(check(set("session.inter_op.allow_spinning", "0")));
  TRY(check(set("session.model_external_initializers_file_folder_path", folder.c_str())));
  return made;
}

Result<std::vector<std::int64_t>> shape_of(const OrtTensorTypeAndShapeInfo* info) {
  std::vector<std::int64_t> shape(TRY(get<std::size_t>(api().GetDimensionsCount, info)));
  TRY(check(api().GetDimensions(info, shape.data(), shape.size())));
  return shape;
}

Result<TensorSpec> spec_of(std::string name, const OrtTypeInfo* type) {
  if (TRY(get<ONNXType>(api().GetOnnxTypeFromTypeInfo, type)) != ONNX_TYPE_TENSOR)
    return fail(Code::kUnimplemented, "\"{}\" is not a tensor", name);
  const auto info = TRY(get<const OrtTensorTypeAndShapeInfo*>(api().CastTypeInfoToTensorInfo, type));
  TensorSpec spec{.name = std::move(name)};
  spec.datatype = TRY(datatype_of(TRY(get<ONNXTensorElementDataType>(api().GetTensorElementType, info))));
  spec.shape = TRY(shape_of(info));
  for (std::int64_t& extent : spec.shape) extent = extent < 0 ? kAny : extent;
  return spec;
}

// The functions that tell of a session's inputs, or of its outputs.
struct Side {
  decltype(OrtApi::SessionGetInputCount) count;
  decltype(OrtApi::SessionGetInputName) name;
  decltype(OrtApi::SessionGetInputTypeInfo) type;
};

Result<std::string> name_at(const Side& side, const OrtSession* session, std::size_t index) {
  OrtAllocator* const owner = TRY(allocator());
  char* const name = TRY(get<char*>(side.name, session, index, owner));
  std::string copy = name;
  TRY(check(api().AllocatorFree(owner, name)));
  return copy;
}

Result<std::vector<TensorSpec>> specs_of(const Side& side, const OrtSession* session) {
  std::vector<TensorSpec> specs;
  for (std::size_t i = 0; i < TRY(get<std::size_t>(side.count, session)); ++i) {
    const auto type = TRY(make<onnx::TypeInfo>(side.type, session, i));
    specs.push_back(TRY(spec_of(TRY(name_at(side, session, i)), type.get())));
  }
  return specs;
}

std::vector<const char*> names_of(const std::vector<TensorSpec>& specs) {
  std::vector<const char*> names;
  for (const TensorSpec& spec : specs) names.push_back(spec.name.c_str());
  return names;
}

// A request's tensors as ONNX Runtime takes them. Numbers are only viewed; those that are not aligned are copied.
class Inputs {
 public:
  explicit Inputs(const OrtMemoryInfo* memory) : memory_(memory) {}

  Result<void> add(const TensorView& tensor) {
    values_.push_back(tensor.datatype == Datatype::kBytes ? TRY(texts(tensor)) : TRY(numbers(tensor)));
    raw_.push_back(values_.back().get());
    return {};
  }
  const OrtValue* const* data() const { return raw_.data(); }

 private:
  Result<onnx::Value> numbers(const TensorView& tensor) {
    std::span<const std::byte> bytes = tensor.data;
    const std::size_t width = width_of(tensor.datatype);
    if (bytes.empty() || reinterpret_cast<std::uintptr_t>(bytes.data()) % width != 0) {
      copies_.emplace_back(bytes.begin(), bytes.end()).reserve(1);
      bytes = copies_.back();
    }
    // ONNX Runtime does not write to what it is fed.
    return make<onnx::Value>(api().CreateTensorWithDataAsOrtValue, memory_, const_cast<std::byte*>(bytes.data()),
                             bytes.size(), tensor.shape.data(), tensor.shape.size(), element_type(tensor.datatype));
  }

  Result<onnx::Value> texts(const TensorView& tensor) {
    auto value = TRY(make<onnx::Value>(api().CreateTensorAsOrtValue, TRY(allocator()), tensor.shape.data(),
                                       tensor.shape.size(), ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING));
    for (std::size_t i = 0; i < tensor.texts.size(); ++i) {
      const std::string_view text = tensor.texts[i];
      char* const room = TRY(get<char*>(api().GetResizedStringTensorElementBuffer, value.get(), i, text.size()));
      if (!text.empty()) std::memcpy(room, text.data(), text.size());
    }
    return value;
  }

  const OrtMemoryInfo* memory_;
  small_vector<onnx::Value, 8> values_;
  small_vector<const OrtValue*, 8> raw_;
  std::vector<std::vector<std::byte>> copies_;
};

Result<void> read_texts(OrtValue* value, std::size_t count, Tensor& tensor) {
  tensor.texts.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::string& text = tensor.texts[i];
    text.resize(TRY(get<std::size_t>(api().GetStringTensorElementLength, value, i)));
    TRY(check(api().GetStringTensorElement(value, text.size(), i, text.data())));
  }
  return {};
}

Result<Tensor> tensor_of(const TensorSpec& spec, OrtValue* value) {
  const auto info = TRY(make<onnx::ShapeInfo>(api().GetTensorTypeAndShape, value));
  const auto type = TRY(get<ONNXTensorElementDataType>(api().GetTensorElementType, info.get()));
  const std::size_t count = TRY(get<std::size_t>(api().GetTensorShapeElementCount, info.get()));
  Tensor tensor{.name = spec.name, .datatype = TRY(datatype_of(type)), .shape = TRY(shape_of(info.get()))};
  if (tensor.datatype == Datatype::kBytes) {
    TRY(read_texts(value, count, tensor));
    return tensor;
  }
  const auto* const bytes = static_cast<const std::byte*>(TRY(get<void*>(api().GetTensorMutableData, value)));
  tensor.data.assign(bytes, bytes + count * width_of(tensor.datatype));
  return tensor;
}

// Ends a run that takes longer than it may.
class Watch {
 public:
  Watch(OrtRunOptions* run, std::chrono::milliseconds limit)
      : thread_([this, run, limit](const std::stop_token& stop) {
          std::unique_lock lock(mutex_);
          if (wakes_.wait_for(lock, stop, limit, [&] { return stop.stop_requested(); })) return;
          ended_ = check(api().RunOptionsSetTerminate(run)).has_value();
        }) {}
  bool has_ended_it() const { return ended_; }

 private:
  std::mutex mutex_;
  std::condition_variable_any wakes_;
  std::atomic<bool> ended_ = false;
  std::jthread thread_;  // the last member: it is stopped and joined first
};

}  // namespace

void OnnxSession::Close::operator()(OrtSession* session) const { api().ReleaseSession(session); }

OnnxSession::OnnxSession(std::unique_ptr<OrtSession, Close> session) : session_(std::move(session)) {}
OnnxSession::OnnxSession(OnnxSession&&) noexcept = default;
OnnxSession& OnnxSession::operator=(OnnxSession&&) noexcept = default;
OnnxSession::~OnnxSession() = default;

Result<OnnxSession> OnnxSession::open(std::string_view model, const std::filesystem::path& folder,
                                      const OnnxOptions& options) {
  TRY(onnx::load());
  const auto made = TRY(session_options(folder, options));
  OrtSession* session = nullptr;
  TRY(check(api().CreateSessionFromArray(onnx::environment(), model.data(), model.size(), made.get(), &session)));
  OnnxSession opened{std::unique_ptr<OrtSession, Close>(session)};
  TRY(opened.read_specs());
  return opened;
}

Result<void> OnnxSession::read_specs() {
  const Side inputs{api().SessionGetInputCount, api().SessionGetInputName, api().SessionGetInputTypeInfo};
  const Side outputs{api().SessionGetOutputCount, api().SessionGetOutputName, api().SessionGetOutputTypeInfo};
  inputs_ = TRY(specs_of(inputs, session_.get()));
  outputs_ = TRY(specs_of(outputs, session_.get()));
  input_names_ = names_of(inputs_);
  output_names_ = names_of(outputs_);
  return {};
}

Result<std::vector<Tensor>> OnnxSession::run(std::span<const TensorView> inputs) const {
  return run_with(nullptr, inputs);
}

Result<std::vector<Tensor>> OnnxSession::run_within(std::chrono::milliseconds limit,
                                                    std::span<const TensorView> inputs) const {
  const auto options = TRY(make<onnx::RunOptions>(api().CreateRunOptions));
  Watch watch(options.get(), limit);
  auto answers = run_with(options.get(), inputs);
  if (!answers && watch.has_ended_it())
    return fail(Code::kDeadlineExceeded, "it takes longer than {} ms", limit.count());
  return answers;
}

Result<std::vector<Tensor>> OnnxSession::run_with(const OrtRunOptions* options,
                                                  std::span<const TensorView> inputs) const {
  const auto memory = TRY(make<onnx::MemoryInfo>(api().CreateCpuMemoryInfo, OrtDeviceAllocator, OrtMemTypeDefault));
  Inputs given(memory.get());
  for (const TensorView& input : inputs) TRY(given.add(input));
  small_vector<OrtValue*, 8> raw(outputs_.size(), nullptr);
  const Result<void> ran = check(api().Run(session_.get(), options, input_names_.data(), given.data(), inputs.size(),
                                           output_names_.data(), output_names_.size(), raw.data()));
  small_vector<onnx::Value, 8> answers;
  for (OrtValue* value : raw) answers.emplace_back(value);
  TRY(ran);
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < outputs_.size(); ++i) tensors.push_back(TRY(tensor_of(outputs_[i], answers[i].get())));
  return tensors;
}

}  // namespace millrace::serving
