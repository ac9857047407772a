#include "pipelines/builtin_step.h"

#include <algorithm>

namespace millrace::pipelines {

const BuiltinStep* find_builtin(std::span<const BuiltinStep> table, std::string_view name) {
  const auto found = std::ranges::find(table, name, &BuiltinStep::name);
  return found == table.end() ? nullptr : &*found;
}

}  // namespace millrace::pipelines
