// Scores rows with the forest engine and nothing around it, for tests/test_forest.py:
//
//   forest_scores JOBS
//
// JOBS has a line for each job: MODEL ROWS OUT STEP. MODEL is *.json, *.ubj (XGBoost) or *.txt (LightGBM); ROWS *.f32
// or
// *.f64, plain numbers; OUT takes all rows' margins and then their predictions, as the same numbers, scored STEP rows
// at a time. Prints a line a job: how many margins and predictions a row has, or "error: ...".

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/files.h"
#include "serving/forest/forest.h"
#include "serving/forest/lightgbm_reader.h"
#include "serving/forest/xgboost_reader.h"

namespace {

using namespace millrace;
using serving::Forest;

struct Job {
  std::filesystem::path model, rows, out;
  std::size_t step = 1;
};

Result<Forest> load(const std::filesystem::path& file) {
  const std::string bytes = TRY(read_file(file));
  if (file.extension() == ".txt") return Forest::build(TRY(serving::read_lightgbm_model(bytes)));
  return Forest::build(TRY(serving::read_xgboost_model(bytes)));
}

template <class Number>
void write(const std::vector<Number>& numbers, std::ofstream& out) {
  out.write(reinterpret_cast<const char*>(numbers.data()),
            static_cast<std::streamsize>(numbers.size() * sizeof(Number)));
}

template <class Number>
void score(const Forest& forest, const std::string& bytes, const Job& job) {
  const std::span rows(reinterpret_cast<const Number*>(bytes.data()), bytes.size() / sizeof(Number));
  const std::size_t count = rows.size() / forest.features();
  std::vector<Number> margins(count * forest.groups()), predictions(count * forest.outputs());
  for (std::size_t row = 0; row < count; row += job.step) {
    const std::size_t size = std::min(job.step, count - row);
    const auto from = rows.subspan(row * forest.features(), size * forest.features());
    forest.margins<Number>(from, std::span(margins).subspan(row * forest.groups(), size * forest.groups()));
    forest.predict<Number>(from, std::span(predictions).subspan(row * forest.outputs(), size * forest.outputs()));
  }
  std::ofstream out(job.out, std::ios::binary);
  write(margins, out);
  write(predictions, out);
}

Result<void> run(const Job& job) {
  const Forest forest = TRY(load(job.model));
  const std::string rows = TRY(read_file(job.rows));
  job.rows.extension() == ".f64" ? score<double>(forest, rows, job) : score<float>(forest, rows, job);
  std::printf("%zu %zu\n", forest.groups(), forest.outputs());
  return {};
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  std::ifstream jobs(arguments[1]);
  for (Job job; jobs >> job.model >> job.rows >> job.out >> job.step;) {
    const Result<void> done = run(job);
    if (!done) std::printf("error: %s\n", done.error().message.c_str());
  }
}
