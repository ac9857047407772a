#include "serving/golden.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"

namespace millrace::serving {
namespace {

struct Golden {
  std::vector<std::string> features;
  std::vector<double> rows;
  std::vector<double> predictions;
  std::size_t count = 0;
};

// Every row must be a list of `width` numbers; null is a missing value.
Result<std::vector<double>> read_rows(const Json& document, std::string_view key, std::size_t width) {
  std::vector<double> values;
  if (!document.contains(key) || !document[key].is_array()) return data_loss("golden rows have no list \"{}\"", key);
  for (const Json& row : document[key]) {
    if (!row.is_array() || row.size() != width) return data_loss("golden \"{}\" are not of {} values", key, width);
    for (const Json& value : row) {
      if (!value.is_number() && !value.is_null())
        return data_loss("golden \"{}\" hold something else than numbers", key);
      values.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>());
    }
  }
  return values;
}

Result<Golden> read_golden(const std::filesystem::path& file, const RowScorer& scorer) {
  const Json document = TRY(parse_json(TRY(read_file(file))));
  Golden golden;
  if (!document.is_object() || !document.contains("features")) return data_loss("golden rows have no \"features\"");
  for (const Json& name : document["features"])
    golden.features.push_back(name.is_string() ? name.get<std::string>() : "");
  if (golden.features != scorer.columns()) return data_loss("golden rows are of other features than the model");
  golden.rows = TRY(read_rows(document, "rows", scorer.columns().size()));
  golden.predictions = TRY(read_rows(document, "predictions", scorer.outputs_a_row()));
  golden.count = golden.predictions.size() / scorer.outputs_a_row();
  if (golden.rows.size() != golden.count * scorer.columns().size()) {
    return data_loss("golden rows and predictions differ in number");
  }
  return golden;
}

}  // namespace

Result<void> check_golden_rows(const Runtime& runtime, const std::filesystem::path& folder) {
  const auto file = folder / "input_example" / "golden.json";
  if (!std::filesystem::exists(file)) return {};
  const RowScorer* scorer = runtime.rows();
  if (scorer == nullptr) return data_loss("golden rows are of numbers, which the model does not take");
  const Golden golden = TRY(read_golden(file, *scorer));
  std::vector<double> scored(golden.predictions.size());
  scorer->score(golden.rows, scored);
  for (std::size_t i = 0; i < scored.size(); ++i) {
    if (scored[i] == golden.predictions[i]) continue;
    return data_loss("golden row {} is predicted as {} and not as {}", i / scorer->outputs_a_row(), scored[i],
                     golden.predictions[i]);
  }
  return {};
}

}  // namespace millrace::serving
