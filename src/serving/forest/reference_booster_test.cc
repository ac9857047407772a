#include "serving/forest/reference_booster.h"

#include <xgboost/c_api.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace millrace::serving {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

void check(int status) {
  if (status != 0) throw std::runtime_error(XGBGetLastError());
}

}  // namespace

ReferenceBooster::ReferenceBooster(const Options& options) : options_(options), random_(options.seed) {
  std::vector<float> rows = make_rows(options.rows);
  std::vector<float> labels = make_labels(rows);
  check(XGDMatrixCreateFromMat(rows.data(), options.rows, options.features, kNan, &data_));
  check(XGDMatrixSetFloatInfo(data_, "label", labels.data(), labels.size()));
  check(XGBoosterCreate(&data_, 1, &booster_));
  for (const auto& [key, value] : options.params) check(XGBoosterSetParam(booster_, key.c_str(), value.c_str()));
  if (options.classes > 0) check(XGBoosterSetParam(booster_, "num_class", std::to_string(options.classes).c_str()));
  check(XGBoosterSetParam(booster_, "nthread", "1"));
  for (int round = 0; round < options.rounds; ++round) check(XGBoosterUpdateOneIter(booster_, round, data_));
}

ReferenceBooster::~ReferenceBooster() {
  XGBoosterFree(booster_);
  XGDMatrixFree(data_);
}

std::string ReferenceBooster::save(const std::string& format) const {
  bst_ulong size = 0;
  const char* bytes = nullptr;
  check(XGBoosterSaveModelToBuffer(booster_, (R"({"format": ")" + format + R"("})").c_str(), &size, &bytes));
  return {bytes, size};
}

std::vector<float> ReferenceBooster::make_rows(int count) {
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<double> uniform;
  std::vector<float> rows(static_cast<std::size_t>(count * options_.features));
  for (float& value : rows) {
    const double draw = uniform(random_);
    value = normal(random_);
    if (draw < options_.missing) value = kNan;
    if (draw > 0.7) value = std::round(value * 4) / 4;
    if (draw > 0.98) value *= 1e6F;
  }
  return rows;
}

std::vector<float> ReferenceBooster::predict(const std::vector<float>& rows, bool margins) const {
  DMatrixHandle matrix = nullptr;
  const auto count = rows.size() / static_cast<std::size_t>(options_.features);
  check(XGDMatrixCreateFromMat(rows.data(), count, options_.features, kNan, &matrix));
  bst_ulong size = 0;
  const float* out = nullptr;
  check(XGBoosterPredict(booster_, matrix, margins ? 1 : 0, 0, 0, &size, &out));
  std::vector<float> result(out, out + size);
  XGDMatrixFree(matrix);
  return result;
}

std::vector<float> ReferenceBooster::make_labels(const std::vector<float>& rows) {
  std::normal_distribution<float> noise;
  std::vector<float> labels;
  for (int row = 0; row < options_.rows; ++row) {
    const float a = rows[static_cast<std::size_t>(row * options_.features)];
    const float score = (std::isnan(a) ? 0.3F : std::clamp(a, -3.0F, 3.0F)) + 0.5F * noise(random_);
    labels.push_back(options_.classes > 0 ? static_cast<float>(row % options_.classes == 0 ? 0
                                                               : score > 0                 ? 1
                                                                                           : 2)
                                          : (score > 0 ? 1.0F : 0.0F));
  }
  return labels;
}

}  // namespace millrace::serving
