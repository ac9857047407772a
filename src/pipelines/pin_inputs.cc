#include "pipelines/pin_inputs.h"

#include "base/hash.h"

namespace millrace::pipelines {
namespace {

Result<ResolvedInput> pin_file(const InputRef& ref, const Project& project) {
  const std::filesystem::path path = project.directory / ref.name;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return not_found("project {} has no file {}", project.name, ref.name);
  }
  const std::string hash = TRY(sha256_tree(path));
  return ResolvedInput{.uri = "file://" + path.string(),
                       .path = path.string(),
                       .hash = hash,
                       .artifact = fmt::format("file:{}/{}/{}", project.name, ref.name, hash.substr(0, 16))};
}

Result<ResolvedInput> pin_named(const InputRef& ref, const Resolver& resolver) {
  auto resolved = resolver(ref);
  if (!resolved && ref.optional && resolved.error().code == Code::kNotFound) return ResolvedInput{.hash = "none"};
  return resolved;
}

Result<ResolvedInput> pin(const InputRef& ref, const Project& project, const Resolver& resolver) {
  ResolvedInput input = TRY(ref.kind == InputRef::Kind::kFile ? pin_file(ref, project) : pin_named(ref, resolver));
  input.ref = ref.text;
  input.kind = kind_name(ref.kind);
  return input;
}

}  // namespace

Result<ResolvedInputs> pin_inputs(const PipelineSpec& spec, const Project& project, const Resolver& resolver) {
  ResolvedInputs pins;
  for (const StepSpec& step : spec.steps) {
    for (const StepInput& input : step.inputs) {
      const InputRef& ref = input.ref;
      if (ref.kind == InputRef::Kind::kStepOutput || pins.contains(ref.text)) continue;
      auto pinned = pin(ref, project, resolver);
      if (!pinned) {
        return std::unexpected(std::move(pinned.error()).in(fmt::format("input {} of step {}", input.name, step.name)));
      }
      pins[ref.text] = std::move(*pinned);
    }
  }
  return pins;
}

}  // namespace millrace::pipelines
