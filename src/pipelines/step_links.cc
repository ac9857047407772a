#include "pipelines/step_links.h"

#include <algorithm>
#include <optional>

#include "base/suggest.h"
#include "pipelines/contains.h"

namespace millrace::pipelines {
namespace {

using Steps = std::vector<ParsedStep>;

std::vector<std::string> names_of(const Steps& steps) {
  std::vector<std::string> names;
  for (const ParsedStep& step : steps) names.push_back(step.spec.name);
  return names;
}

std::optional<std::size_t> index_of(const Steps& steps, std::string_view name) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].spec.name == name) return i;
  }
  return std::nullopt;
}

void check_unique(const Steps& steps, Diagnostics& diagnostics) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::string& name = steps[i].spec.name;
    if (!name.empty() && index_of(steps, name) != i) {
      diagnostics.add(steps[i].spec.at, fmt::format("step \"{}\" stands here twice", name));
    }
  }
}

void need(StepSpec& step, const Steps& steps, std::string_view name, const Position& at, Diagnostics& diagnostics) {
  if (const auto index = index_of(steps, name)) {
    step.needs.push_back(*index);
    return;
  }
  const std::vector<std::string> names = names_of(steps);
  diagnostics.add(at, fmt::format("there is no step \"{}\"{}", name, did_you_mean(name, names)));
}

void check_output(const Steps& steps, const InputRef& ref, Diagnostics& diagnostics) {
  const auto index = index_of(steps, ref.name);
  if (!index) return;
  const std::vector<std::string>& outputs = steps[*index].spec.outputs;
  if (contains(outputs, ref.selector)) return;
  diagnostics.add(ref.at, fmt::format("step {} has no output \"{}\"{}", ref.name, ref.selector,
                                      did_you_mean(ref.selector, outputs)));
}

void link_step(Steps& steps, std::size_t i, Diagnostics& diagnostics) {
  StepSpec& step = steps[i].spec;
  for (const StepInput& input : step.inputs) {
    if (input.ref.kind != InputRef::Kind::kStepOutput) continue;
    need(step, steps, input.ref.name, input.ref.at, diagnostics);
    check_output(steps, input.ref, diagnostics);
  }
  for (const NameAt& name : steps[i].needs) need(step, steps, name.name, name.at, diagnostics);
  std::ranges::sort(step.needs);
  const auto repeated = std::ranges::unique(step.needs);
  step.needs.erase(repeated.begin(), repeated.end());
}

// Walks the steps depth first and reports each cycle once, at the step where the walk met it first.
class CycleFinder {
 public:
  CycleFinder(const Steps& steps, Diagnostics& diagnostics)
      : steps_(steps), diagnostics_(diagnostics), seen_(steps.size(), Seen::kNot) {}

  void visit(std::size_t i) {
    if (seen_[i] == Seen::kDone) return;
    if (seen_[i] == Seen::kOnPath) return report(i);
    seen_[i] = Seen::kOnPath;
    path_.push_back(i);
    for (const std::size_t need : steps_[i].spec.needs) visit(need);
    path_.pop_back();
    seen_[i] = Seen::kDone;
  }

 private:
  enum class Seen { kNot, kOnPath, kDone };

  void report(std::size_t again) {
    std::string text;
    for (auto step = std::ranges::find(path_, again); step != path_.end(); ++step) {
      text += steps_[*step].spec.name + " needs ";
    }
    const StepSpec& first = steps_[again].spec;
    diagnostics_.add(first.at, fmt::format("the steps form a cycle: {}{}", text, first.name));
  }

  const Steps& steps_;
  Diagnostics& diagnostics_;
  std::vector<Seen> seen_;
  std::vector<std::size_t> path_;
};

}  // namespace

void link_steps(Steps& steps, Diagnostics& diagnostics) {
  check_unique(steps, diagnostics);
  for (std::size_t i = 0; i < steps.size(); ++i) link_step(steps, i, diagnostics);
  CycleFinder finder(steps, diagnostics);
  for (std::size_t i = 0; i < steps.size(); ++i) finder.visit(i);
}

}  // namespace millrace::pipelines
