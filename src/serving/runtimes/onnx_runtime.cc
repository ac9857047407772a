#include "serving/runtimes/onnx_runtime.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "serving/runtimes/flavor.h"
#include "serving/runtimes/onnx_model.h"

namespace millrace::serving {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::microseconds kLongForARow{2000};
constexpr std::chrono::milliseconds kMostForATrial{10000};
constexpr int kMostThreads = 256;
constexpr int kAllOptimizations = 99;

Result<int> whole_number(const std::string& key, const Json& value, int most) {
  if (value.is_number_integer() && value >= 0 && value <= most) return value.get<int>();
  return invalid_argument("onnx_session_options: {} is {}, not a number up to {}", key, dump_json(value), most);
}

Result<bool> is_parallel(const Json& value) {
  std::string mode = value.is_string() ? value.get<std::string>() : dump_json(value);
  std::ranges::transform(mode, mode.begin(), [](unsigned char c) { return std::tolower(c); });
  if (mode == "parallel" || mode == "sequential") return mode == "parallel";
  return invalid_argument("onnx_session_options: execution_mode is {}, not sequential or parallel", mode);
}

// To MLflow, 0 and null are what it leaves alone.
Result<void> set_option(OnnxOptions& options, const std::string& key, const Json& value) {
  if (value.is_null() || value == 0) return {};
  if (key == "intra_op_num_threads") {
    options.intra_op_threads = TRY(whole_number(key, value, kMostThreads));
  } else if (key == "inter_op_num_threads") {
    options.inter_op_threads = TRY(whole_number(key, value, kMostThreads));
  } else if (key == "execution_mode") {
    options.side_by_side = TRY(is_parallel(value));
  } else if (key == "graph_optimization_level") {
    options.graph_optimization = TRY(whole_number(key, value, kAllOptimizations));
  } else {
    return fail(Code::kUnimplemented, "onnx_session_options: {} is not supported", key);
  }
  return {};
}

Result<OnnxOptions> options_of(const registry::Flavor& flavor) {
  OnnxOptions options;
  const std::string text = option(flavor, "onnx_session_options");
  if (text.empty()) return options;
  const Json document = TRY(parse_json(text));
  if (!document.is_object()) return invalid_argument("onnx_session_options are not a mapping");
  for (const auto& [key, value] : document.items()) TRY(set_option(options, key, value));
  return options;
}

// Owns what its views show: of each input one row, of zeros or empty texts.
struct LeastInputs {
  explicit LeastInputs(const std::vector<TensorSpec>& specs) {
    for (const TensorSpec& spec : specs) add(spec);
    for (const Tensor& tensor : tensors) {
      views.push_back({.name = tensor.name, .datatype = tensor.datatype, .shape = tensor.shape, .data = tensor.data});
      if (tensor.datatype == Datatype::kBytes) views.back().texts = std::span(texts).first(tensor.texts.size());
    }
  }

  void add(const TensorSpec& spec) {
    std::vector<std::int64_t> shape = spec.shape;
    std::ranges::replace(shape, kAny, 1);
    tensors.push_back(make_tensor(spec.name, spec.datatype, std::move(shape)));
    texts.resize(std::max(texts.size(), tensors.back().texts.size()));
  }

  std::vector<Tensor> tensors;
  std::vector<std::string_view> texts;
  std::vector<TensorView> views;
};

}  // namespace

OnnxRuntime::OnnxRuntime(OnnxSession session, std::map<std::string, std::vector<std::string>, std::less<>> labels)
    : session_(std::move(session)), outputs_(session_.outputs()) {
  for (TensorSpec& spec : outputs_) {
    if (const auto found = labels.find(spec.name); found != labels.end()) spec.labels = found->second;
  }
}

Result<std::unique_ptr<const Runtime>> OnnxRuntime::load(const std::filesystem::path& folder,
                                                         const registry::MlModel& model) {
  const registry::Flavor& flavor = *model.find_flavor("onnx");
  return load_file(TRY(data_file(folder, flavor)), TRY(options_of(flavor)));
}

Result<std::unique_ptr<const Runtime>> OnnxRuntime::load_file(const std::filesystem::path& file,
                                                              const OnnxOptions& options) {
  OnnxModel model = TRY(read_onnx_model(TRY(read_file(file))));
  for (const std::string& name : model.external_files) TRY(file_inside(file.parent_path(), name));
  auto session = TRY(OnnxSession::open(model.bytes, file.parent_path(), options));
  std::unique_ptr<OnnxRuntime> runtime(new OnnxRuntime(std::move(session), std::move(model.labels)));
  TRY(runtime->try_out());
  return runtime;
}

// A model that cannot take zeros has to be served all the same; one that never ends on them has not.
Result<void> OnnxRuntime::try_out() {
  const LeastInputs least(inputs());
  const auto answers = session_.run_within(kMostForATrial, least.views);
  if (!answers && answers.error().code == Code::kDeadlineExceeded) {
    return std::unexpected(Error(answers.error()).in("a row of zeros"));
  }
  blocks_ = !answers;
  if (answers) return measure(*answers, least.views);
  log::info("onnx model does not take zeros, so it runs aside", {{"why", answers.error().message}});
  return {};
}

// `answers` tell how many extents an output has where the file does not.
Result<void> OnnxRuntime::measure(const std::vector<Tensor>& answers, std::span<const TensorView> row) {
  constexpr int kRuns = 5;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i].shape.empty()) outputs_[i].shape.assign(answers[i].shape.size(), kAny);
  }
  auto best = Clock::duration::max();
  for (int run = 0; run < kRuns && (run == 0 || best > kLongForARow); ++run) {
    const auto start = Clock::now();
    TRY(session_.run(row));
    best = std::min(best, Clock::now() - start);
  }
  blocks_ = best > kLongForARow;
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(best);
  log::info("onnx model tried out", {{"row_us", std::to_string(took.count())}, {"runs", blocks_ ? "aside" : "inline"}});
  return {};
}

}  // namespace millrace::serving
