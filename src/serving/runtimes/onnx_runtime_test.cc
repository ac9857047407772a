#include "serving/runtimes/onnx_runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/files.h"
#include "serving/runtimes/onnx_for_tests.h"

// ONNX Runtime loses 14 bytes when it is loaded, once; LeakSanitizer asks for this function where there is one.
extern "C" const char* __lsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
  return "leak:libonnxruntime.so";
}

namespace millrace::serving {
namespace {

using namespace onnx_file;
using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Loaded = Result<std::unique_ptr<const Runtime>>;

class OnnxRuntimeTest : public ::testing::Test {
 protected:
  Loaded load(const std::string& bytes) {
    MUST(write_file(home_.path() / "model.onnx", bytes));
    return OnnxRuntime::load_file(home_.path() / "model.onnx", {});
  }
  Loaded load_with(const std::string& options) {
    MUST(write_file(home_.path() / "model.onnx", one_operator("Relu", kFloat, {-1, 2})));
    registry::Flavor flavor{"onnx", {{"data", "model.onnx"}}};
    if (!options.empty()) flavor.options["onnx_session_options"] = options;
    return OnnxRuntime::load(home_.path(), {.flavors = {flavor}});
  }
  static std::string error_of(const Loaded& loaded) {
    return loaded ? "" : fmt::format("{} {}", code_name(loaded.error().code), loaded.error().message);
  }

  TemporaryDirectory home_;
};

template <typename T>
TensorView view(std::string_view name, Datatype datatype, const std::vector<std::int64_t>& shape,
                const std::vector<T>& values) {
  return {.name = name, .datatype = datatype, .shape = shape, .data = std::as_bytes(std::span(values))};
}

template <typename T>
std::vector<T> values_of(Tensor& tensor) {
  const auto values = elements<T>(tensor);
  return {values.begin(), values.end()};
}

TEST_F(OnnxRuntimeTest, SeveralInputsGiveSeveralOutputs) {
  const std::vector<float> weights = {1, 2, 3, 4, 5, 6};
  const Graph graph{
      .inputs = {{"a", kFloat, {-1, 2}}, {"b", kFloat, {-1, 3}}},
      .outputs = {{"sum", kFloat, {-1, 3}}, {"cut", kFloat, {-1, 3}}},
      .nodes = {{"MatMul", {"a", "w"}, {"aw"}}, {"Add", {"aw", "b"}, {"sum"}}, {"Relu", {"sum"}, {"cut"}}},
      .tensors = {tensor("w", kFloat, {2, 3}, weights)}};
  const auto runtime = MUST(load(model(graph)));
  EXPECT_EQ(runtime->platform(), "onnx_onnxv1");
  EXPECT_THAT(runtime->inputs(),
              ElementsAre(TensorSpec{"a", Datatype::kFp32, {kAny, 2}}, TensorSpec{"b", Datatype::kFp32, {kAny, 3}}));
  EXPECT_EQ(runtime->outputs()[1].name, "cut");
  EXPECT_FALSE(runtime->blocks());
  const std::vector<std::int64_t> two = {2, 2}, three = {2, 3};
  const std::vector<float> a = {1, 0, 0, 1}, b = {-10, 0, 0, 0, 0, -100};
  const TensorView inputs[] = {view("a", Datatype::kFp32, two, a), view("b", Datatype::kFp32, three, b)};
  auto outputs = MUST(runtime->infer(inputs));
  ASSERT_EQ(outputs.size(), 2U);
  EXPECT_EQ(outputs[0].name, "sum");
  EXPECT_THAT(outputs[0].shape, ElementsAre(2, 3));
  EXPECT_THAT(values_of<float>(outputs[0]), ElementsAre(-9, 2, 3, 4, 5, -94));
  EXPECT_THAT(values_of<float>(outputs[1]), ElementsAre(0, 2, 3, 4, 5, 0));
}

TEST_F(OnnxRuntimeTest, EveryDatatypeComesThrough) {
  const std::pair<std::uint64_t, Datatype> types[] = {
      {1, Datatype::kFp32},  {2, Datatype::kUint8}, {3, Datatype::kInt8},    {4, Datatype::kUint16},
      {5, Datatype::kInt16}, {6, Datatype::kInt32}, {7, Datatype::kInt64},   {9, Datatype::kBool},
      {10, Datatype::kFp16}, {11, Datatype::kFp64}, {12, Datatype::kUint32}, {13, Datatype::kUint64},
      {16, Datatype::kBf16}};
  for (const auto& [type, datatype] : types) {
    const auto runtime = MUST(load(one_operator("Identity", type, {-1, 3})));
    EXPECT_EQ(runtime->inputs()[0].datatype, datatype);
    // Every second one stands where no number of this width should.
    std::vector<std::byte> bytes(1 + 6 * width_of(datatype), std::byte{1});
    const std::vector<std::int64_t> shape = {2, 3};
    for (std::size_t from : {0, 1}) {
      const auto data = std::span<const std::byte>(bytes).subspan(from, 6 * width_of(datatype));
      const TensorView input{.name = "x", .datatype = datatype, .shape = shape, .data = data};
      const auto outputs = MUST(runtime->infer({&input, 1}));
      EXPECT_EQ(outputs[0].datatype, datatype);
      EXPECT_TRUE(std::ranges::equal(outputs[0].data, data)) << to_text(datatype);
    }
  }
}

TEST_F(OnnxRuntimeTest, TextsComeThroughWhateverIsInThem) {
  const auto runtime = MUST(load(one_operator("Identity", kString, {-1})));
  const std::vector<std::string> kept = {"a", "", "with\0nul"s, std::string(1000, 'x')};
  const std::vector<std::string_view> texts(kept.begin(), kept.end());
  const std::vector<std::int64_t> shape = {4};
  const TensorView input{.name = "x", .datatype = Datatype::kBytes, .shape = shape, .texts = texts};
  EXPECT_EQ(MUST(runtime->infer({&input, 1}))[0].texts, kept);
}

TEST_F(OnnxRuntimeTest, ProbabilitiesAreAMatrixWithTheClassesAsLabels) {
  const auto runtime = MUST(load(no_and_yes()));
  EXPECT_THAT(runtime->outputs(), ElementsAre(TensorSpec{"scores", Datatype::kFp32, {kAny, 2}, false, {"no", "yes"}}));
  const std::vector<std::int64_t> shape = {2, 2};
  const std::vector<float> scores = {0.25, 0.75, 0.5, 0.5};
  const TensorView input = view("p", Datatype::kFp32, shape, scores);
  auto outputs = MUST(runtime->infer({&input, 1}));
  EXPECT_THAT(values_of<float>(outputs[0]), ElementsAre(0.25, 0.75, 0.5, 0.5));
}

TEST_F(OnnxRuntimeTest, NoRowsGiveNoRows) {
  const auto runtime = MUST(load(one_operator("Relu", kFloat, {-1, 2})));
  const std::vector<std::int64_t> shape = {0, 2};
  const TensorView input{.name = "x", .datatype = Datatype::kFp32, .shape = shape};
  const auto outputs = MUST(runtime->infer({&input, 1}));
  EXPECT_THAT(outputs[0].shape, ElementsAre(0, 2));
  EXPECT_THAT(outputs[0].data, IsEmpty());
}

TEST_F(OnnxRuntimeTest, WhatTheModelRefusesIsAnErrorInItsWords) {
  const auto runtime = MUST(load(one_operator("Relu", kFloat, {-1, 2})));
  const std::vector<std::int64_t> shape = {1, 3};
  const std::vector<float> row = {1, 2, 3};
  const TensorView input = view("x", Datatype::kFp32, shape, row);
  const auto outputs = runtime->infer({&input, 1});
  ASSERT_FALSE(outputs);
  EXPECT_EQ(outputs.error().code, Code::kInvalidArgument);
  EXPECT_THAT(outputs.error().message, HasSubstr("ONNX Runtime: "));
  EXPECT_THAT(outputs.error().message, HasSubstr("Got: 3 Expected: 2"));
}

TEST_F(OnnxRuntimeTest, ManyThreadsMayAskAtOnce) {
  const auto runtime = MUST(load(one_operator("Relu", kFloat, {-1, 2})));
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&runtime, thread] {
      const std::vector<std::int64_t> shape = {1, 2};
      for (int i = 0; i < 200; ++i) {
        const std::vector<float> row = {static_cast<float>(thread), static_cast<float>(i)};
        const TensorView input = view("x", Datatype::kFp32, shape, row);
        auto outputs = MUST(runtime->infer({&input, 1}));
        ASSERT_EQ(values_of<float>(outputs[0]), row);
      }
    });
  }
}

TEST_F(OnnxRuntimeTest, BrokenFilesAreErrors) {
  const std::string whole = no_and_yes();
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(load(whole.substr(0, size))) << size;
  EXPECT_THAT(error_of(load(one_operator("NoSuchOperator", kFloat, {-1}))), HasSubstr("INVALID_ARGUMENT ONNX Runtime"));
  EXPECT_THAT(error_of(OnnxRuntime::load_file(home_.path() / "none.onnx", {})), HasSubstr("NOT_FOUND"));
}

TEST_F(OnnxRuntimeTest, WhatIsNoTensorIsNotServed) {
  const Graph graph{
      .inputs = {{"x", kFloat, {-1}}}, .outputs = {{"y", kFloat, {}}}, .nodes = {{"SequenceConstruct", {"x"}, {"y"}}}};
  EXPECT_FALSE(load(model(graph)));
}

TEST_F(OnnxRuntimeTest, TensorsMayBeInAFileBesideTheModelAndNowhereElse) {
  const auto model_with = [](std::string_view file) {
    return model({.inputs = {{"x", kFloat, {-1, 2}}},
                  .outputs = {{"y", kFloat, {-1, 2}}},
                  .nodes = {{"Add", {"x", "w"}, {"y"}}},
                  .tensors = {external_tensor("w", {2}, file)}});
  };
  const std::vector<float> weights = {10, 20};
  const std::string bytes(reinterpret_cast<const char*>(weights.data()), weights.size() * sizeof(float));
  const TemporaryDirectory other;
  MUST(write_file(home_.path() / "w.bin", bytes));
  MUST(write_file(home_.path() / "short.bin", bytes.substr(0, 5)));
  MUST(write_file(other.path() / "w.bin", bytes));
  std::filesystem::create_symlink(other.path() / "w.bin", home_.path() / "link.bin");

  const auto runtime = MUST(load(model_with("w.bin")));
  const std::vector<std::int64_t> shape = {1, 2};
  const std::vector<float> row = {1, 2};
  const TensorView input = view("x", Datatype::kFp32, shape, row);
  auto outputs = MUST(runtime->infer({&input, 1}));
  EXPECT_THAT(values_of<float>(outputs[0]), ElementsAre(11, 22));

  EXPECT_THAT(error_of(load(model_with("../w.bin"))), HasSubstr("lies outside of the model's folder"));
  EXPECT_THAT(error_of(load(model_with((other.path() / "w.bin").string()))), HasSubstr("lies outside of"));
  EXPECT_THAT(error_of(load(model_with("link.bin"))), HasSubstr("lies outside of the model's folder"));
  EXPECT_THAT(error_of(load(model_with("none.bin"))), HasSubstr("NOT_FOUND"));
  EXPECT_FALSE(load(model_with("short.bin")));
}

TEST_F(OnnxRuntimeTest, AModelThatIsSlowRunsAside) {
  EXPECT_TRUE(MUST(load(counting_loop(100'000)))->blocks());
  EXPECT_FALSE(MUST(load(counting_loop(1)))->blocks());
}

TEST_F(OnnxRuntimeTest, ARunThatDoesNotEndIsEnded) {
  const auto session = MUST(OnnxSession::open(counting_loop(std::int64_t{1} << 62), home_.path(), {}));
  const std::vector<std::int64_t> shape = {1}, zero = {0};
  const TensorView input = view("x", Datatype::kInt64, shape, zero);
  const auto outputs = session.run_within(std::chrono::milliseconds(50), {&input, 1});
  ASSERT_FALSE(outputs);
  EXPECT_EQ(outputs.error().code, Code::kDeadlineExceeded);
  EXPECT_EQ(outputs.error().message, "it takes longer than 50 ms");
}

TEST_F(OnnxRuntimeTest, SessionOptionsAreThoseOfMlflow) {
  const struct {
    std::string options, error;
  } cases[] = {
      {"", ""},
      {R"({"intra_op_num_threads": 2, "inter_op_num_threads": 1, "execution_mode": "SEQUENTIAL"})", ""},
      {R"({"execution_mode": "parallel", "inter_op_num_threads": 2, "graph_optimization_level": 99})", ""},
      {R"({"intra_op_num_threads": 0, "extra_session_config": null})", ""},
      {R"({"intra_op_num_threads": -1})",
       "INVALID_ARGUMENT onnx_session_options: intra_op_num_threads is -1, not a number up to 256"},
      {R"({"execution_mode": "fast"})",
       "INVALID_ARGUMENT onnx_session_options: execution_mode is fast, not sequential or parallel"},
      {R"({"extra_session_config": {"session.optimized_model_filepath": "/etc/x"}})",
       "UNIMPLEMENTED onnx_session_options: extra_session_config is not supported"},
      {"[1]", "INVALID_ARGUMENT onnx_session_options are not a mapping"},
  };
  for (const auto& [options, error] : cases) EXPECT_EQ(error_of(load_with(options)), error) << options;
}

}  // namespace
}  // namespace millrace::serving
