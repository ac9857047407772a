#include "pipelines/step_keys.h"

#include "base/hash.h"
#include "pipelines/cache_key.h"

namespace millrace::pipelines {

Result<std::string> StepKeys::key(const RunState& run, std::size_t step, const StepPlan& plan) {
  const StepSpec& spec = run.spec.steps[step];
  if (!spec.cache) return std::string();

  CacheKeyParts parts{.params = plan.params};
  for (const auto& [name, input] : plan.inputs) parts.inputs[name] = input.hash;
  if (const BuiltinStep* builtin = find_builtin(options_.builtins, spec.uses)) {
    parts.code = fmt::format("built-in {} {}", spec.uses, options_.build_id);
    if (builtin->uses_event_time) parts.event_time = format_time(run.row.event_time);
  } else {
    parts.code = TRY(command_code(run, spec, plan.command));
  }
  return cache_key(parts);
}

Result<std::string> StepKeys::command_code(const RunState& run, const StepSpec& step, const std::string& command) {
  const std::filesystem::path directory = run.row.directory;
  Hasher hasher;
  hasher.add_field(command);
  if (step.code.empty()) hasher.add_field(TRY(file_hash(directory.string())));
  for (const std::string& path : step.code)
    hasher.add_field(path).add_field(TRY(file_hash((directory / path).string())));
  for (const std::string& output : step.outputs) hasher.add_field(output);
  return hasher.finish();
}

Result<std::string> StepKeys::file_hash(const std::string& path) {
  const auto known = hashes_.find(path);
  if (known != hashes_.end()) return known->second;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return not_found("the code {} does not exist", path);
  return hashes_[path] = TRY(sha256_tree(path));
}

}  // namespace millrace::pipelines
