#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "duck/duck.h"

namespace millrace::duck {

// A name that user SQL may read: a view over these Parquet files.
struct SandboxView {
  std::string name;
  std::vector<std::filesystem::path> files;  // at least one
  std::vector<ColumnType> columns;           // when not empty: only these, in this order; null where a file lacks one
};

// An instance of its own for SQL that users wrote. It can read the files of the views it was given and nothing else on
// the machine or the network: external access is off but for exactly those paths, extensions cannot be loaded, and
// the configuration is locked. Run only what check_select() accepted: SQL that writes could overwrite the files.
class Sandbox {
 public:
  static Result<std::unique_ptr<Sandbox>> open(const Options& options, const std::vector<SandboxView>& views);

  Result<Connection> connect();

 private:
  explicit Sandbox(std::unique_ptr<Database> database);

  std::unique_ptr<Database> database_;
};

}  // namespace millrace::duck
