#include "pipelines/pipeline_spec.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/suggest.h"
#include "pipelines/contains.h"
#include "pipelines/names.h"
#include "pipelines/step_links.h"
#include "pipelines/step_parser.h"
#include "pipelines/substitute.h"

namespace millrace::pipelines {
namespace {

constexpr char kSchema[] = {
#embed "pipeline.schema.json"
};

std::vector<Param> read_params(ObjectReader& reader, Diagnostics& diagnostics) {
  std::vector<Param> params;
  const Node* mapping = reader.mapping("params");
  if (mapping == nullptr) return params;
  for (const auto& [key, value] : mapping->members) {
    if (!is_name(key.text)) {
      diagnostics.add(
          key.at,
          fmt::format("\"{}\" is no name of a param: letters, digits, \"_\" and \"-\", a letter first", key.text));
    }
    params.push_back({key.text, dump_json(value.to_json()), key.at});
  }
  return params;
}

int read_limit(ObjectReader& reader, std::string_view key, int smallest, int fallback) {
  const std::int64_t limit = reader.integer(key).value_or(fallback);
  if (limit < smallest || limit > 1000) {
    reader.fault(key, fmt::format("\"{}\" must be from {} to 1000", key, smallest));
  }
  return static_cast<int>(std::clamp<std::int64_t>(limit, smallest, 1000));
}

std::vector<std::string> substitutable_names(const PipelineSpec& spec) {
  std::vector<std::string> names = {"event_time", "run.id"};
  for (const Param& param : spec.params) names.push_back("params." + param.name);
  return names;
}

void check_names(const std::vector<std::string>& used, const std::vector<std::string>& known, const Position& at,
                 Diagnostics& diagnostics) {
  for (const std::string& name : used) {
    if (contains(known, name)) continue;
    diagnostics.add(at, fmt::format("${{{}}} is not known{}", name, did_you_mean(name, known)));
  }
}

void check_templates(const PipelineSpec& spec, const ParsedStep& step, Diagnostics& diagnostics) {
  const std::vector<std::string> known = substitutable_names(spec);
  for (const WithValue& value : step.spec.with) {
    if (const auto used = names_in_json(value.value)) {
      check_names(*used, known, value.at, diagnostics);
    } else {
      diagnostics.add(value.at, used.error().message);
    }
  }
  check_names(names_in_command(step.spec.run), known, step.run_at, diagnostics);
}

std::vector<ParsedStep> read_steps(ObjectReader& reader, std::span<const BuiltinStep> builtins,
                                   Diagnostics& diagnostics) {
  std::vector<ParsedStep> steps;
  if (const std::vector<Node>* list = reader.list("steps")) {
    for (const Node& node : *list) steps.push_back(parse_step(node, builtins, diagnostics));
  }
  if (steps.empty()) reader.fault("steps", "a Pipeline needs at least one step under \"steps\"");
  return steps;
}

void add_steps(PipelineSpec& spec, std::vector<ParsedStep> steps) {
  for (ParsedStep& step : steps) {
    spec.references.insert(spec.references.end(), step.references.begin(), step.references.end());
    spec.steps.push_back(std::move(step.spec));
  }
}

}  // namespace

const StepSpec* PipelineSpec::find_step(std::string_view step) const {
  const auto found = std::ranges::find(steps, step, &StepSpec::name);
  return found == steps.end() ? nullptr : &*found;
}

std::optional<PipelineSpec> parse_pipeline(const Node& document, std::span<const BuiltinStep> builtins,
                                           Diagnostics& diagnostics) {
  const Node* kind = document.find("kind");
  if (kind == nullptr || kind->text != "Pipeline") return std::nullopt;

  const std::size_t faults_before = diagnostics.list.size();
  ObjectReader reader(document, diagnostics, "a Pipeline");
  reader.required_string("kind");
  PipelineSpec spec{.name = reader.required_string("name"), .at = reader.at("name")};
  if (!spec.name.empty() && !is_name(spec.name)) {
    reader.fault(
        "name",
        fmt::format("\"{}\" is no name of a pipeline: letters, digits, \"_\" and \"-\", a letter first", spec.name));
  }
  spec.description = reader.string("description").value_or("");
  spec.params = read_params(reader, diagnostics);
  spec.concurrency = read_limit(reader, "concurrency", 1, 1);
  spec.parallel = read_limit(reader, "parallel", 0, 0);
  std::vector<ParsedStep> steps = read_steps(reader, builtins, diagnostics);
  reader.finish();

  link_steps(steps, diagnostics);
  for (const ParsedStep& step : steps) check_templates(spec, step, diagnostics);
  add_steps(spec, std::move(steps));
  spec.document = dump_json(document.to_json());
  if (diagnostics.list.size() != faults_before) return std::nullopt;
  return spec;
}

std::string_view pipeline_schema() { return {kSchema, sizeof(kSchema)}; }

}  // namespace millrace::pipelines
