#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipelines {

// An input or a `with` key of a built-in step.
struct BuiltinInput {
  std::string name;
  bool required = true;
};

struct BuiltinKey {
  std::string name;
  bool required = false;
  // The kind of document that the value names, e.g. "FeatureService"; empty: a plain value. Such values are listed in
  // PipelineSpec::references.
  std::string refers_to;
};

// What the parser and the engine must know of a step that is `uses: NAME`. The table of them stands in `app`; they
// run as PROGRAM step NAME.
struct BuiltinStep {
  std::string name;
  std::string description;
  std::vector<BuiltinInput> inputs;
  bool other_inputs = false;  // takes inputs of any name beside these
  std::vector<std::string> outputs;
  std::vector<BuiltinKey> with;
  bool side_effects = false;  // register, gate, deploy: never answered from the cache
  // The result depends on the run's event time, which then is a part of the cache key.
  bool uses_event_time = true;
};

const BuiltinStep* find_builtin(std::span<const BuiltinStep> table, std::string_view name);

}  // namespace millrace::pipelines
