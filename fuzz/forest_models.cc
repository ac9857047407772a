// Throws bytes at the readers of model files: whatever comes is refused, or is a forest that scores any row.
//
//   make fuzz-forest_models      a minute of it, from the files of fuzz/forest_models.seeds

#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "serving/forest/forest.h"
#include "serving/forest/lightgbm_reader.h"
#include "serving/forest/xgboost_reader.h"

namespace {

using namespace millrace;

std::vector<double> strange_rows(std::size_t features) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kValues[] = {0, kNan, -1, 1e300, kInfinity, -kInfinity, 33, 1e-36, 0.5};
  std::vector<double> rows;
  for (std::size_t i = 0; i < 9 * features; ++i) rows.push_back(kValues[(i + i / features) % std::size(kValues)]);
  return rows;
}

void score(const Result<serving::ForestModel>& model) {
  if (!model || model->features > 64 || model->groups() > 64) return;
  const auto forest = serving::Forest::build(*model);
  if (!forest) return;
  const std::vector<double> rows = strange_rows(forest->features());
  std::vector<double> margins(9 * forest->groups()), predictions(9 * forest->outputs());
  forest->margins<double>(rows, margins);
  for (std::size_t row = 0; row < 9; ++row) {
    forest->predict<double>(std::span(rows).subspan(row * forest->features(), forest->features()),
                            std::span(predictions).subspan(row * forest->outputs(), forest->outputs()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  score(serving::read_xgboost_model(bytes));
  score(serving::read_lightgbm_model(bytes));
  return 0;
}
