#pragma once

#include <memory>
#include <string>

#include "cli/cli.h"

namespace millrace::cli {

struct LineageArguments {
  bool upstream = false;
  bool downstream = false;
  int depth = 100;
  int limit = 1000;
  std::string svg;
};

// The options that every command for lineage has.
std::shared_ptr<LineageArguments> add_lineage_options(CLI::App* command);

// What `node` of the lineage graph came of and what came of it: as trees, as JSON, or as a picture in a file.
Result<void> show_lineage(const std::string& node, const LineageArguments& arguments, const Options& options);

}  // namespace millrace::cli
