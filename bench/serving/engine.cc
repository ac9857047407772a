// How long the forest engine takes for one row and for a batch of 10 000, beside the libraries of the field, all on one
// thread and in turns:
//
//   python bench/serving/models.py FOLDER           trains the models
//   engine FOLDER PACKAGES [SIZES [REPORT]]         PACKAGES: a site-packages with xgboost, lightgbm, onnxruntime,
//   treelite
//
// A figure is the processor time that one row costs, in microseconds: the least and the median of many short slices.
// The floor is what no engine that adds floats in order can undercut: the additions of one row's leaves, and no more.
// Every scorer's answers are compared with XGBoost's first.

#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <string>

#include "base/files.h"
#include "peers.h"
#include "serving/forest/forest.h"
#include "serving/forest/lightgbm_reader.h"
#include "serving/forest/xgboost_reader.h"

namespace {

using namespace millrace;
using bench::Model;
using bench::Scorer;

constexpr double kSliceMicroseconds = 8000;
constexpr int kSlices = 25;

double processor_microseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

struct Figure {
  std::string size, scorer;
  std::size_t batch = 1;
  double least = 0, median = 0;  // microseconds a row
};

Model read_model(const std::filesystem::path& folder, const std::string& name) {
  Model model{.folder = folder, .name = name, .rows = {.features = name == "L" ? std::size_t{200} : std::size_t{30}}};
  const std::string bytes = MUST(read_file(model.file(".rows")));
  const auto* values = reinterpret_cast<const float*>(bytes.data());
  model.rows.floats.assign(values, values + bytes.size() / sizeof(float));
  model.rows.doubles.assign(model.rows.floats.begin(), model.rows.floats.end());
  return model;
}

template <class Number>
Scorer ours(std::string name, serving::Forest forest, const std::vector<Number>& rows, std::vector<float>& out) {
  auto shared = std::make_shared<serving::Forest>(std::move(forest));
  return {std::move(name), [shared, &rows, &out](std::size_t first, std::size_t count) {
            const auto from = std::span(rows).subspan(first * shared->features(), count * shared->features());
            if constexpr (std::is_same_v<Number, float>) {
              shared->predict<float>(from, std::span(out).subspan(first, count));
            } else {
              static std::vector<double> answers;
              answers.resize(count);
              shared->predict<double>(from, answers);
              std::ranges::transform(answers, out.begin() + static_cast<std::ptrdiff_t>(first),
                                     [](double x) { return static_cast<float>(x); });
            }
          }};
}

// As many additions in order as one row needs.
Scorer additions(std::size_t trees, std::vector<float>& out) {
  auto leaves = std::make_shared<std::vector<float>>(trees, 0.01F);
  return {"floor: the additions", [leaves, &out](std::size_t first, std::size_t count) {
            for (std::size_t row = first; row < first + count; ++row) {
              float sum = 0;
              for (float leaf : *leaves) sum += leaf;
              out[row] = sum;
            }
          }};
}

double slice(const Scorer& scorer, std::size_t rows, std::size_t batch) {
  static std::size_t at = 0;
  std::size_t scored = 0;
  const double start = processor_microseconds();
  double spent = 0;
  while (spent < kSliceMicroseconds) {
    for (int i = 0; i < (batch == 1 ? 64 : 1); ++i, scored += batch) {
      at = at + batch >= rows ? 0 : at + 1;
      scorer.score(batch == rows ? 0 : at, batch);
    }
    spent = processor_microseconds() - start;
  }
  return spent / static_cast<double>(scored);
}

std::vector<Figure> measure(const Model& model, const std::vector<Scorer>& scorers, std::size_t batch) {
  std::vector<std::vector<double>> times(scorers.size());
  for (int turn = 0; turn < kSlices; ++turn) {
    for (std::size_t i = 0; i < scorers.size(); ++i) times[i].push_back(slice(scorers[i], model.rows.count(), batch));
  }
  std::vector<Figure> figures;
  for (std::size_t i = 0; i < scorers.size(); ++i) {
    std::ranges::sort(times[i]);
    figures.push_back({model.name, scorers[i].name, batch, times[i].front(), times[i][times[i].size() / 2]});
  }
  return figures;
}

// The largest difference of a scorer's answers, in batches and one by one.
double difference(const Scorer& scorer, const std::vector<float>& truth, std::vector<float>& out) {
  double largest = 0;
  for (std::size_t batch : {truth.size(), std::size_t{1}}) {
    for (std::size_t row = 0; row < truth.size(); row += batch) scorer.score(row, batch);
    for (std::size_t i = 0; i < truth.size(); ++i)
      largest = std::max(largest, std::abs(static_cast<double>(out[i]) - truth[i]));
  }
  return largest;
}

void print_differences(const std::vector<Scorer>& scorers, std::size_t rows, std::vector<float>& out) {
  const auto answers = [&](const std::string& name) {
    const auto found = std::ranges::find(scorers, name, &Scorer::name);
    if (found == scorers.end()) return std::vector<float>();
    found->score(0, rows);
    return out;
  };
  const std::vector<float> xgboost = answers("XGBoost"), lightgbm = answers("LightGBM");
  for (const Scorer& scorer : scorers) {
    if (scorer.name.starts_with("floor")) continue;
    const std::vector<float>& truth = scorer.name.contains("LightGBM") ? lightgbm : xgboost;
    if (!truth.empty())
      std::printf("  %-28s differs by at most %g\n", scorer.name.c_str(), difference(scorer, truth, out));
  }
}

std::vector<Figure> bench_size(const std::filesystem::path& folder, const std::filesystem::path& packages,
                               const std::string& name) {
  const Model model = read_model(folder, name);
  std::vector<float> out(model.rows.count());
  auto forest = MUST(serving::Forest::build(MUST(serving::read_xgboost_model(MUST(read_file(model.file(".ubj")))))));
  auto other = MUST(serving::Forest::build(MUST(serving::read_lightgbm_model(MUST(read_file(model.file(".txt")))))));
  std::vector<Scorer> scorers = {additions(forest.tree_count(), out)};
  scorers.push_back(ours("Millrace", std::move(forest), model.rows.floats, out));
  scorers.push_back(ours("Millrace, LightGBM's model", std::move(other), model.rows.doubles, out));
  for (Scorer& peer : bench::open_peers(packages, model, out)) scorers.push_back(std::move(peer));
  std::printf("%s\n", name.c_str());
  print_differences(scorers, model.rows.count(), out);
  std::vector<Figure> figures = measure(model, scorers, 1);
  for (const Figure& figure : measure(model, scorers, model.rows.count())) figures.push_back(figure);
  return figures;
}

void print_table(const std::vector<Figure>& figures) {
  for (const Figure& figure : figures) {
    const auto mine = std::ranges::find_if(figures, [&](const Figure& other) {
      const bool lightgbm = figure.scorer == "LightGBM";
      return other.batch == figure.batch && other.scorer == (lightgbm ? "Millrace, LightGBM's model" : "Millrace");
    });
    std::printf("  %-28s %6zu rows  %9.4f us  median %9.4f   %5.1f times ours\n", figure.scorer.c_str(), figure.batch,
                figure.least, figure.median, figure.median / mine->median);
  }
}

void write_report(const std::vector<Figure>& figures, const char* file) {
  std::ofstream report(file);
  report << "[\n";
  for (std::size_t i = 0; i < figures.size(); ++i) {
    const Figure& figure = figures[i];
    report << fmt::format(
        R"( {{"model": "{}", "scorer": "{}", "batch": {}, "least_us_a_row": {:.5f}, "median_us_a_row": {:.5f}}}{})",
        figure.size, figure.scorer, figure.batch, figure.least, figure.median, i + 1 == figures.size() ? "\n" : ",\n");
  }
  report << "]\n";
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "usage: engine FOLDER PACKAGES [SIZES [REPORT]]\n");
    return 2;
  }
  std::vector<Figure> all;
  for (char size : std::string(count > 3 ? arguments[3] : "SML")) {
    const std::vector<Figure> figures = bench_size(arguments[1], arguments[2], std::string(1, size));
    print_table(figures);
    all.insert(all.end(), figures.begin(), figures.end());
  }
  if (count > 4) write_report(all, arguments[4]);
}
