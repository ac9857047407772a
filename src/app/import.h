#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/backup.h"
#include "base/result.h"
#include "transfer/carry.h"
#include "transfer/compare.h"
#include "transfer/source.h"

namespace millrace::app {

// What becomes of experiments and registered models whose names are taken in the home folder by others.
enum class SameNames { kRefuse, kMerge };

struct Import {
  transfer::SourceOptions from;
  Place to;
  std::string artifacts;  // where the home folder's artifacts are, as ServerSettings::artifacts
  SameNames same_names = SameNames::kRefuse;
  std::function<void(const std::string& what)> tell;  // of progress; may be empty
};

struct Imported {
  std::string from;
  transfer::Carried carried;
  std::vector<transfer::LeftBehind> left_behind;
  transfer::Comparison comparison;

  // All that the source has is here, and equal.
  bool equal() const;
};

// Takes a whole MLflow into the home folder of a stopped server, which is made where there is none, then reads both and
// compares. A second import adds what is new. kFailedPrecondition while a server has the folder, and, before anything
// is written, for names that are taken.
Result<Imported> import_mlflow(const Import& import);

}  // namespace millrace::app
