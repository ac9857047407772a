#pragma once

#include <string>
#include <string_view>

#include "base/document.h"
#include "base/result.h"

namespace millrace::pipelines {

// What an input of a step reads.
struct InputRef {
  enum class Kind {
    kDataset,     // dataset:NAME
    kStepOutput,  // STEP.OUTPUT
    kModel,       // model:NAME@ALIAS, or model:NAME/VERSION
    kFile,        // file:PATH in the project folder
  };
  Kind kind = Kind::kStepOutput;
  std::string name;      // of the dataset, step, model; the path
  std::string selector;  // the output; the alias or the version of the model
  bool by_version = false;
  // model:NAME@ALIAS? where there may be no such version yet: the input then has an empty path and version.
  bool optional = false;
  std::string text;  // as written
  Position at;
};

// "dataset", "output", "model", "file": the names in the step protocol.
std::string_view kind_name(InputRef::Kind kind);

Result<InputRef> parse_input_ref(std::string_view text);

}  // namespace millrace::pipelines
