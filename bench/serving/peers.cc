#include "peers.h"

#include <dlfcn.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace millrace::bench {
namespace {

using Handle = void*;

// A shared library; null where it cannot be loaded. Never unloaded.
Handle open_library(const std::filesystem::path& file) {
  Handle library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) std::fprintf(stderr, "left out: %s\n", dlerror());
  return library;
}

template <class Function>
Function* function(Handle library, const char* name) {
  auto* found = reinterpret_cast<Function*>(dlsym(library, name));
  if (found == nullptr) std::fprintf(stderr, "%s is not there\n", name), std::abort();
  return found;
}

void check(const char* what, int status) {
  if (status != 0) std::fprintf(stderr, "%s failed\n", what), std::abort();
}

// A table of floats as XGBoost wants to hear of one.
std::string array_interface(const float* data, std::size_t rows, std::size_t columns) {
  std::array<char, 200> text;
  std::snprintf(text.data(), text.size(), R"({"data":[%zu,true],"shape":[%zu,%zu],"typestr":"<f4","version":3})",
                reinterpret_cast<std::size_t>(data), rows, columns);
  return text.data();
}

std::vector<Scorer> open_xgboost(const std::filesystem::path& libraries, const Model& model, std::vector<float>& out) {
  Handle library = open_library(libraries / "xgboost/lib/libxgboost.so");
  if (library == nullptr) return {};
  Handle booster = nullptr;
  check("XGBoosterCreate",
        function<int(const Handle*, std::uint64_t, Handle*)>(library, "XGBoosterCreate")(nullptr, 0, &booster));
  check("XGBoosterLoadModel",
        function<int(Handle, const char*)>(library, "XGBoosterLoadModel")(booster, model.file(".ubj").c_str()));
  check("XGBoosterSetParam",
        function<int(Handle, const char*, const char*)>(library, "XGBoosterSetParam")(booster, "nthread", "1"));
  auto* predict =
      function<int(Handle, const char*, const char*, Handle, const std::uint64_t**, std::uint64_t*, const float**)>(
          library, "XGBoosterPredictFromDense");
  const auto score = [booster, predict, &model, &out](std::size_t first, std::size_t count) {
    static constexpr const char* kConfig =
        R"({"type":0,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false,"missing":NaN})";
    const std::string rows =
        array_interface(model.rows.floats.data() + first * model.rows.features, count, model.rows.features);
    const std::uint64_t* shape = nullptr;
    std::uint64_t dimensions = 0;
    const float* result = nullptr;
    check("XGBoosterPredictFromDense", predict(booster, rows.c_str(), kConfig, nullptr, &shape, &dimensions, &result));
    std::memcpy(out.data() + first, result, count * sizeof(float));
  };
  return {{"XGBoost", score}};
}

constexpr int kFloat64 = 1;

std::vector<Scorer> open_lightgbm(const std::filesystem::path& libraries, const Model& model, std::vector<float>& out) {
  Handle library = open_library(libraries / "lightgbm/lib/lib_lightgbm.so");
  if (library == nullptr) return {};
  Handle booster = nullptr;
  int rounds = 0;
  check("LGBM_BoosterCreateFromModelfile",
        function<int(const char*, int*, Handle*)>(library, "LGBM_BoosterCreateFromModelfile")(
            model.file(".txt").c_str(), &rounds, &booster));
  Handle single = nullptr;
  check("LGBM_BoosterPredictForMatSingleRowFastInit",
        function<int(Handle, int, int, int, int, std::int32_t, const char*, Handle*)>(
            library, "LGBM_BoosterPredictForMatSingleRowFastInit")(
            booster, 0, 0, -1, kFloat64, static_cast<std::int32_t>(model.rows.features), "num_threads=1", &single));
  auto* one =
      function<int(Handle, const void*, std::int64_t*, double*)>(library, "LGBM_BoosterPredictForMatSingleRowFast");
  auto* many = function<int(Handle, const void*, int, std::int32_t, std::int32_t, int, int, int, int, const char*,
                            std::int64_t*, double*)>(library, "LGBM_BoosterPredictForMat");
  const auto score = [=, &model, &out](std::size_t first, std::size_t count) {
    static std::vector<double> answers;
    answers.resize(count);
    std::int64_t size = 0;
    const double* rows = model.rows.doubles.data() + first * model.rows.features;
    if (count == 1) {
      check("predict one", one(single, rows, &size, answers.data()));
    } else {
      check("predict",
            many(booster, rows, kFloat64, static_cast<std::int32_t>(count),
                 static_cast<std::int32_t>(model.rows.features), 1, 0, 0, -1, "num_threads=1", &size, answers.data()));
    }
    for (std::size_t i = 0; i < count; ++i) out[first + i] = static_cast<float>(answers[i]);
  };
  return {{"LightGBM", score}};
}

// Treelite's own interpreter (GTIL).
std::vector<Scorer> open_treelite(const std::filesystem::path& libraries, const Model& model, std::vector<float>& out) {
  Handle library = open_library(libraries / "treelite/lib/libtreelite.so");
  if (library == nullptr || !std::filesystem::exists(model.file(".treelite"))) return {};
  Handle trees = nullptr, config = nullptr;
  check("TreeliteDeserializeModelFromFile",
        function<int(const char*, Handle*)>(library, "TreeliteDeserializeModelFromFile")(
            model.file(".treelite").c_str(), &trees));
  check("TreeliteGTILParseConfig", function<int(const char*, Handle*)>(library, "TreeliteGTILParseConfig")(
                                       R"({"predict_type":"default","nthread":1})", &config));
  auto* predict =
      function<int(Handle, const void*, const char*, std::uint64_t, void*, Handle)>(library, "TreeliteGTILPredict");
  const auto score = [=, &model, &out](std::size_t first, std::size_t count) {
    check("TreeliteGTILPredict", predict(trees, model.rows.floats.data() + first * model.rows.features, "float32",
                                         count, out.data() + first, config));
  };
  return {{"treelite", score}};
}

// What tl2cgen makes C of, and a C compiler machine code: a function a row.
std::vector<Scorer> open_compiled(const Model& model, std::vector<float>& out) {
  union Entry {
    int missing;
    float value;
  };
  if (!std::filesystem::exists(model.file(".so"))) return {};
  Handle library = open_library(model.file(".so"));
  auto* predict = function<void(Entry*, int, float*)>(library, "predict");
  const auto score = [=, &model, &out](std::size_t first, std::size_t count) {
    std::vector<Entry> row(model.rows.features);
    for (std::size_t i = first; i < first + count; ++i) {
      for (std::size_t at = 0; at < row.size(); ++at) {
        const float value = model.rows.floats[i * row.size() + at];
        if (value != value) {
          row[at].missing = -1;
        } else {
          row[at].value = value;
        }
      }
      predict(row.data(), 0, &out[i]);
    }
  };
  return {{"treelite, compiled", score}};
}

// ONNX Runtime's table of functions only ever grows at its end; these are the places of those we call
// (include/onnxruntime/core/session/onnxruntime_c_api.h in microsoft/onnxruntime).
enum OrtPlace {
  kCreateEnv = 3,
  kCreateSession = 7,
  kRun = 9,
  kCreateSessionOptions = 10,
  kIntraThreads = 24,
  kCreateTensor = 49,
  kCpuMemory = 69
};

struct Ort {
  const Handle* table;

  template <class... Arguments>
  void operator()(OrtPlace place, Arguments... arguments) const {
    auto* function = reinterpret_cast<Handle (*)(Arguments...)>(table[place]);
    if (function(arguments...) != nullptr) std::fprintf(stderr, "ONNX Runtime refused call %d\n", place), std::abort();
  }
};

// The library's name ends in its version.
std::filesystem::path ort_library(const std::filesystem::path& libraries) {
  const auto folder = libraries / "onnxruntime/capi";
  if (!std::filesystem::exists(folder)) return folder / "libonnxruntime.so";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("libonnxruntime.so")) return entry.path();
  }
  return folder / "libonnxruntime.so";
}

std::vector<Scorer> open_onnx_runtime(const std::filesystem::path& libraries, const Model& model,
                                      std::vector<float>& out) {
  if (!std::filesystem::exists(model.file(".onnx"))) return {};
  Handle library = open_library(ort_library(libraries));
  if (library == nullptr) return {};
  struct Base {
    const Handle* (*get_api)(std::uint32_t);
    const char* (*version)();
  };
  const Ort ort{function<const Base*()>(library, "OrtGetApiBase")()->get_api(13)};
  Handle environment = nullptr, options = nullptr, session = nullptr, memory = nullptr;
  ort(kCreateEnv, 3, "bench", &environment);
  ort(kCreateSessionOptions, &options);
  ort(kIntraThreads, options, 1);
  ort(kCreateSession, environment, model.file(".onnx").c_str(), options, &session);
  ort(kCpuMemory, 0, 0, &memory);
  const auto score = [=, &model, &out](std::size_t first, std::size_t count) {
    static std::vector<std::int64_t> label;
    static std::vector<float> both;
    label.resize(count);
    both.resize(2 * count);
    const std::array<std::int64_t, 2> shape{static_cast<std::int64_t>(count),
                                            static_cast<std::int64_t>(model.rows.features)};
    const std::array<std::int64_t, 2> answer_shape{static_cast<std::int64_t>(count), 2};
    Handle input = nullptr;
    const Handle data = const_cast<float*>(model.rows.floats.data() + first * model.rows.features);
    ort(kCreateTensor, memory, data, count * model.rows.features * sizeof(float), shape.data(), std::size_t{2}, 1,
        &input);
    Handle answer = nullptr;
    ort(kCreateTensor, memory, static_cast<Handle>(both.data()), both.size() * sizeof(float), answer_shape.data(),
        std::size_t{2}, 1, &answer);
    const char* const in = "x";
    const char* const wanted = "probabilities";
    ort(kRun, session, nullptr, &in, const_cast<const Handle*>(&input), std::size_t{1}, &wanted, std::size_t{1},
        &answer);
    for (std::size_t i = 0; i < count; ++i) out[first + i] = both[2 * i + 1];
    constexpr int kReleaseValue = 96;
    reinterpret_cast<void (*)(Handle)>(ort.table[kReleaseValue])(input);
    reinterpret_cast<void (*)(Handle)>(ort.table[kReleaseValue])(answer);
  };
  return {{"ONNX Runtime", score}};
}

}  // namespace

std::vector<Scorer> open_peers(const std::filesystem::path& libraries, const Model& model, std::vector<float>& out) {
  std::vector<Scorer> peers;
  for (auto&& some :
       {open_xgboost(libraries, model, out), open_onnx_runtime(libraries, model, out),
        open_lightgbm(libraries, model, out), open_treelite(libraries, model, out), open_compiled(model, out)}) {
    peers.insert(peers.end(), some.begin(), some.end());
  }
  return peers;
}

}  // namespace millrace::bench
