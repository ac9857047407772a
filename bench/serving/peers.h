#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

// Who else scores the same models: libraries loaded at run time and called through their C APIs, on one thread.
namespace millrace::bench {

// Scores `count` rows from row `first` on, to margins or predictions, whatever the library's cheapest is.
using Score = std::function<void(std::size_t first, std::size_t count)>;

struct Scorer {
  std::string name;
  Score score;
};

// What is scored: floats, and the same as doubles.
struct Rows {
  std::size_t features = 0;
  std::vector<float> floats;
  std::vector<double> doubles;

  std::size_t count() const { return floats.size() / features; }
};

struct Model {
  std::filesystem::path folder;
  std::string name;  // "S"
  Rows rows;

  std::filesystem::path file(const char* extension) const { return folder / (name + extension); }
};

// Each is empty where the library or its model file is not there. Answers go to `out`, a value a row. `libraries` is a
// folder of Python packages.
std::vector<Scorer> open_peers(const std::filesystem::path& libraries, const Model& model, std::vector<float>& out);

}  // namespace millrace::bench
