#pragma once

#include <array>
#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/files.h"
#include "base/ids.h"
#include "base/json.h"
#include "blob/blob.h"
#include "datasets/datasets.h"
#include "db/database.h"
#include "db/testing.h"
#include "events/events.h"
#include "lineage/lineage.h"
#include "registry/mlmodel.h"
#include "registry/registry.h"
#include "serving/forest/reference_booster.h"
#include "serving/serving.h"

namespace millrace::serving {

// Doubles the request's inputs "a" and "b" into the features "b2" and "a2"; all else as a feature service would.
class FakeVectors final : public VectorSource {
 public:
  const std::vector<duck::ColumnType>& inputs() const override { return inputs_; }
  const std::vector<std::string>& features() const override { return features_; }
  Result<void> compute(std::span<const sql::Value> inputs, Timestamp, std::span<double> out) const override {
    out[0] = inputs[1].is_null() ? NAN : 2 * inputs[1].number;
    out[1] = inputs[0].is_null() ? NAN : 2 * inputs[0].number;
    return {};
  }

 private:
  std::vector<duck::ColumnType> inputs_ = {{"a", duck::Type::kDouble}, {"b", duck::Type::kDouble}};
  std::vector<std::string> features_ = {"b2", "a2"};
};

// MUST, where a member is initialised.
template <typename T>
T must(Result<T> result) {
  return MUST(std::move(result));
}

// All that endpoints stand on, in a folder of its own.
struct Home {
  TemporaryDirectory folder;
  ManualClock clock{Timestamp{1'000'000}};
  SeededIds ids;
  metrics::Registry metrics;
  std::unique_ptr<db::Database> db = db::open_for_test(folder.path());
  std::unique_ptr<blob::Store> blobs = must(blob::open_local(folder.path() / "artifacts"));
  std::unique_ptr<lineage::Store> lineage = must(lineage::Store::open(*db));
  std::unique_ptr<events::Log> events = must(events::Log::open(*db));
  std::unique_ptr<duck::Database> duck = must(duck::Database::open({.threads = 1}));
  std::unique_ptr<registry::Store> registry = must(registry::Store::open({*db, *lineage, *events, clock}));
  std::unique_ptr<datasets::Datasets> datasets = must(datasets::Datasets::open({.db = *db,
                                                                                .blobs = *blobs,
                                                                                .duck = *duck,
                                                                                .lineage = *lineage,
                                                                                .events = *events,
                                                                                .clock = clock,
                                                                                .ids = ids,
                                                                                .home = folder.path()}));
  std::unique_ptr<RouteStore> routes = must(RouteStore::open({*db, *events, clock}));
  std::unique_ptr<CompositionStore> compositions = must(CompositionStore::open({*db, *events, clock}));
  std::vector<VersionChange> changes;

  Endpoints::Parts parts() {
    return {.registry = *registry,
            .blobs = *blobs,
            .datasets = *datasets,
            .routes = *routes,
            .find_vectors = [](const std::string& service) -> Result<std::shared_ptr<const VectorSource>> {
              if (service != "doubled") return not_found("feature service {} does not exist", service);
              return std::make_shared<FakeVectors>();
            },
            .event_clock = clock,
            .wall_clock = clock,
            .ids = ids,
            .metrics = metrics,
            .on_version_change = [this](const VersionChange& change) { changes.push_back(change); },
            .compositions = compositions.get()};
  }

  // A version of model "m" whose inputs are named so; booster and golden rows differ with the seed.
  std::int64_t add_version(unsigned seed, std::vector<std::string> inputs, int classes = 0, int rounds = 20) {
    ReferenceBooster booster({.seed = seed,
                              .features = static_cast<int>(inputs.size()),
                              .classes = classes,
                              .rounds = rounds,
                              .params = {{"objective", classes > 0 ? "multi:softprob" : "binary:logistic"}}});
    const auto model = folder.path() / "model";
    MUST(make_directories(model / "input_example"));
    MUST(write_file(model / "model.ubj", booster.save("ubj")));
    registry::Signature signature;
    for (const std::string& name : inputs) signature.inputs.push_back({.name = name});
    signature.outputs.push_back({});
    MUST(registry::write_mlmodel(model, {.xgboost_version = "1.7.4", .signature = signature, .model_uuid = "u"}));
    MUST(write_file(model / "input_example" / "golden.json", golden(booster, inputs)));
    return add_folder(model);
  }

  // A version of model "m" that is this folder, which is taken.
  std::int64_t add_folder(const std::filesystem::path& model) {
    MUST(registry->ensure_model("m"));
    const std::string key = fmt::format("m/{}", ++versions_);
    const std::string source = MUST(blobs->put_tree(model, key, blob::Origin::kTake));
    return MUST(registry->create_version({.model = "m", .source = source, .key = key})).version;
  }

  void set_alias(const std::string& alias, std::int64_t version) {
    MUST(registry->set_alias({.model = "m", .alias = alias, .version = version}));
  }

 private:
  static std::string golden(ReferenceBooster& booster, const std::vector<std::string>& inputs) {
    const std::vector<float> rows = booster.make_rows(4), predictions = booster.predict(rows, false);
    Json document = {{"features", inputs}, {"rows", Json::array()}, {"predictions", Json::array()}};
    for (std::size_t row = 0; row < 4; ++row) {
      const auto part = [row](const std::vector<float>& all) {
        const auto width = all.size() / 4;
        return std::vector<double>(all.begin() + static_cast<std::ptrdiff_t>(row * width),
                                   all.begin() + static_cast<std::ptrdiff_t>((row + 1) * width));
      };
      document["rows"].push_back(part(rows));
      document["predictions"].push_back(part(predictions));
    }
    return dump_json(document);
  }

  int versions_ = 0;
};

// What a model of numbers answered.
inline std::vector<double> values_of(const InferAnswer& answer) {
  std::vector<double> values(answer.outputs.at(0).data.size() / sizeof(double));
  std::memcpy(values.data(), answer.outputs[0].data.data(), answer.outputs[0].data.size());
  return values;
}

// One row {"a": a, "b": b}.
struct Row {
  double a = 0, b = 0;
  std::int64_t shape = 1;
  std::array<TensorView, 2> tensors = {
      TensorView{"a", Datatype::kFp64, {&shape, 1}, std::as_bytes(std::span(&a, 1)), {}},
      TensorView{"b", Datatype::kFp64, {&shape, 1}, std::as_bytes(std::span(&b, 1)), {}}};
  Row(double a_value, double b_value) : a(a_value), b(b_value) {}
  Row(const Row&) = delete;
  Row& operator=(const Row&) = delete;
  InferRequest request(std::string_view id = "") const { return {.id = id, .inputs = tensors}; }
};

}  // namespace millrace::serving
