#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sql/value.h"

namespace millrace::sql {

// The row at hand, and room for text.
struct Frame {
  const Value* row;
  Scratch& scratch;
};

// A function over values that are all present.
using Function = Value (*)(const Value* args, Scratch& scratch);

// A node of a compiled expression. `run` knows how to treat its arguments: most evaluate them all, answer null where
// one is null, and else call `function`.
struct Step {
  using Run = Value (*)(const Step& step, const Frame& frame);

  Run run = nullptr;
  Function function = nullptr;
  std::vector<std::unique_ptr<Step>> args;
  Value constant;
  int column = 0;
  std::string text;  // what a varchar constant views

  Value evaluate(const Frame& frame) const { return run(*this, frame); }
};

}  // namespace millrace::sql
