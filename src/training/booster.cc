#include "training/booster.h"

#include <fmt/ranges.h>
#include <xgboost/c_api.h>

#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <ranges>

#include "base/json.h"

namespace millrace::late {
Result<void> load_xgboost();  // made by cmake/MillraceLateLibrary.cmake
}

namespace millrace::training {
namespace {

// XGBoost's messages carry the time, its source line and a stack trace: "[12:00:00] ../src/x.cc:7: what\nStack trace".
std::string_view cleaned(std::string_view message) {
  if (const auto end = message.find("\nStack trace"); end != std::string_view::npos) message = message.substr(0, end);
  while (message.ends_with('\n')) message.remove_suffix(1);
  if (!message.starts_with('[')) return message;
  const auto place = message.find(".cc:");
  const auto start = place == std::string_view::npos ? place : message.find(": ", place + 4);
  return start == std::string_view::npos ? message : message.substr(start + 2);
}

Result<void> check(int status) {
  if (status == 0) return {};
  return invalid_argument("xgboost: {}", cleaned(XGBGetLastError()));
}

std::vector<void*> handles(std::span<const Matrix* const> matrices) {
  std::vector<void*> result;
  for (const Matrix* matrix : matrices) result.push_back(matrix->handle());
  return result;
}

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> result;
  for (const std::string& text : texts) result.push_back(text.c_str());
  return result;
}

// "holdout-logloss:0.31": the set's name has no dash.
Result<Evaluation> parse_evaluation(std::string_view text) {
  const auto dash = text.find('-');
  const auto colon = text.rfind(':');
  if (dash == std::string_view::npos || colon == std::string_view::npos) {
    return internal_error("xgboost answered \"{}\" for a metric", text);
  }
  Evaluation result{std::string(text.substr(0, dash)), std::string(text.substr(dash + 1, colon - dash - 1)), 0};
  const std::string_view value = text.substr(colon + 1);
  if (std::from_chars(value.data(), value.data() + value.size(), result.value).ec != std::errc{}) {
    return internal_error("xgboost answered \"{}\" for a metric", text);
  }
  return result;
}

}  // namespace

Result<Matrix> Matrix::create(std::span<const float> rows, std::size_t features) {
  TRY(late::load_xgboost());
  DMatrixHandle handle = nullptr;
  const float missing = std::numeric_limits<float>::quiet_NaN();
  TRY(check(XGDMatrixCreateFromMat(rows.data(), rows.size() / features, features, missing, &handle)));
  return Matrix(handle);
}

Matrix::~Matrix() {
  if (handle_ != nullptr) XGDMatrixFree(handle_);
}

Result<void> Matrix::set_labels(std::span<const float> labels) {
  return check(XGDMatrixSetFloatInfo(handle_, "label", labels.data(), labels.size()));
}

Result<Booster> Booster::create(std::span<const Matrix* const> matrices) {
  TRY(late::load_xgboost());
  const std::vector<void*> cached = handles(matrices);
  BoosterHandle handle = nullptr;
  TRY(check(XGBoosterCreate(cached.data(), cached.size(), &handle)));
  return Booster(handle);
}

Booster::~Booster() {
  if (handle_ != nullptr) XGBoosterFree(handle_);
}

Result<void> Booster::set_param(const std::string& name, const std::string& value) {
  return check(XGBoosterSetParam(handle_, name.c_str(), value.c_str()));
}

Result<void> Booster::set_feature_names(const std::vector<std::string>& names) {
  std::vector<const char*> texts = pointers(names);
  return check(XGBoosterSetStrFeatureInfo(handle_, "feature_name", texts.data(), texts.size()));
}

Result<void> Booster::update(int round, const Matrix& train) {
  return check(XGBoosterUpdateOneIter(handle_, round, train.handle()));
}

Result<std::vector<Evaluation>> Booster::evaluate(int round, std::span<const Matrix* const> sets,
                                                  const std::vector<std::string>& names) {
  std::vector<void*> matrices = handles(sets);
  std::vector<const char*> texts = pointers(names);
  const char* line = nullptr;  // "[0]\ttrain-logloss:0.5\tholdout-logloss:0.6"
  TRY(check(XGBoosterEvalOneIter(handle_, round, matrices.data(), texts.data(), matrices.size(), &line)));
  std::vector<Evaluation> result;
  for (auto part : std::string_view(line) | std::views::split('\t') | std::views::drop(1)) {
    result.push_back(TRY(parse_evaluation({part.data(), part.size()})));
  }
  return result;
}

Result<Booster> Booster::first_rounds(int rounds) const {
  BoosterHandle handle = nullptr;
  TRY(check(XGBoosterSlice(handle_, 0, rounds, 1, &handle)));
  return Booster(handle);
}

Result<std::vector<float>> Booster::predict(const Matrix& rows) const {
  bst_ulong size = 0;
  const float* values = nullptr;
  TRY(check(XGBoosterPredict(handle_, rows.handle(), 0, 0, 0, &size, &values)));
  return std::vector<float>(values, values + size);
}

Result<std::string> Booster::save_ubjson() const {
  bst_ulong size = 0;
  const char* bytes = nullptr;
  TRY(check(XGBoosterSaveModelToBuffer(handle_, R"({"format": "ubj"})", &size, &bytes)));
  return std::string(bytes, size);
}

Result<std::map<std::string, double>> Booster::total_gain(const std::vector<std::string>& features) const {
  const Json config = {{"importance_type", "total_gain"}, {"feature_names", features}};
  bst_ulong count = 0, dimensions = 0;
  const char** names = nullptr;
  const bst_ulong* shape = nullptr;
  const float* scores = nullptr;
  TRY(check(XGBoosterFeatureScore(handle_, dump_json(config).c_str(), &count, &names, &dimensions, &shape, &scores)));
  std::map<std::string, double> result;
  for (const std::string& feature : features) result[feature] = 0;
  for (bst_ulong i = 0; i < count; ++i) result[names[i]] = scores[i];
  return result;
}

std::string xgboost_version() {
  int major = 0, minor = 0, patch = 0;
  XGBoostVersion(&major, &minor, &patch);
  return fmt::format("{}.{}.{}", major, minor, patch);
}

}  // namespace millrace::training
