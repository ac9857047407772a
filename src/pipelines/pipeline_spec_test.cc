#include "pipelines/pipeline_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace millrace::pipelines {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::vector<BuiltinStep> kBuiltins = {
    {.name = "features",
     .inputs = {{"flights", false}},
     .other_inputs = true,
     .outputs = {"training_set"},
     .with = {{.name = "service", .required = true, .refers_to = "FeatureService"}, {.name = "weeks"}}},
    {.name = "train", .inputs = {{"training_set"}}, .outputs = {"model", "metrics"}, .with = {{.name = "rounds"}}},
    {.name = "gate", .inputs = {{"model"}}, .outputs = {}, .with = {{.name = "margin"}}, .side_effects = true},
};

struct Parsed {
  std::optional<PipelineSpec> spec;
  std::vector<std::string> faults;
};

Parsed parse(const std::string& text) {
  Diagnostics diagnostics;
  Parsed parsed;
  for (const Node& node : parse_yaml(text, "p.yaml", diagnostics))
    parsed.spec = parse_pipeline(node, kBuiltins, diagnostics);
  for (const Diagnostic& fault : diagnostics.list) parsed.faults.push_back(format_diagnostic(fault));
  return parsed;
}

constexpr const char* kRetrain = R"(kind: Pipeline
name: retrain
description: from data to a served model
params: {weeks: 8, margin: 0.001, note: "a b"}
parallel: 2
steps:
  - name: features
    uses: features
    inputs: {flights: dataset:flights}
    with:
      service: delay_features
      weeks: ${params.weeks}
    retries: 2
    timeout: 10m
  - name: train
    uses: train
    inputs: {training_set: features.training_set}
    cache: false
  - name: report
    run: python report.py --weeks ${params.weeks}
    inputs: {model: train.model, champion: "model:delays@champion?", notes: file:notes/a.md}
    outputs: [html]
    code: [report.py]
    with: {note: "${params.note} at ${event_time} in ${run.id}"}
  - name: gate
    uses: gate
    inputs: {model: train.model}
    needs: [report]
)";

TEST(PipelineSpec, ReadsADocument) {
  const Parsed parsed = parse(kRetrain);
  ASSERT_THAT(parsed.faults, IsEmpty());
  const PipelineSpec& spec = *parsed.spec;
  EXPECT_EQ(spec.name, "retrain");
  EXPECT_EQ(spec.concurrency, 1);
  EXPECT_EQ(spec.parallel, 2);
  ASSERT_EQ(spec.steps.size(), 4U);
  EXPECT_EQ(spec.steps[0].retries, 2);
  EXPECT_EQ(spec.steps[0].timeout, std::chrono::minutes(10));
  EXPECT_THAT(spec.steps[0].outputs, ElementsAre("training_set"));
  EXPECT_TRUE(spec.steps[0].cache);
  EXPECT_FALSE(spec.steps[1].cache);
  EXPECT_FALSE(spec.steps[3].cache);
  EXPECT_THAT(spec.steps[1].needs, ElementsAre(0));
  EXPECT_THAT(spec.steps[2].needs, ElementsAre(1));
  EXPECT_THAT(spec.steps[3].needs, ElementsAre(1, 2));
  EXPECT_EQ(spec.steps[2].inputs[1].ref.kind, InputRef::Kind::kModel);
  EXPECT_TRUE(spec.steps[2].inputs[1].ref.optional);
  EXPECT_EQ(spec.steps[2].inputs[2].ref.name, "notes/a.md");
  EXPECT_EQ(spec.params[0].value, "8");
  EXPECT_EQ(spec.params[2].value, "\"a b\"");
}

TEST(PipelineSpec, KeepsReferencesToOtherDocumentsWithTheirPlace) {
  const PipelineSpec spec = *parse(kRetrain).spec;
  ASSERT_EQ(spec.references.size(), 2U);
  EXPECT_EQ(spec.references[0].kind, "Dataset");
  EXPECT_EQ(spec.references[0].name, "flights");
  EXPECT_EQ(spec.references[0].at.line, 9);
  EXPECT_EQ(spec.references[1].kind, "FeatureService");
  EXPECT_EQ(spec.references[1].name, "delay_features");
  EXPECT_EQ(spec.references[1].at.line, 11);
}

TEST(PipelineSpec, ReadsItsOwnDocumentAgain) {
  const PipelineSpec spec = *parse(kRetrain).spec;
  const Parsed again = parse(spec.document);
  ASSERT_THAT(again.faults, IsEmpty());
  EXPECT_EQ(again.spec->document, spec.document);
  EXPECT_EQ(again.spec->steps[2].run, spec.steps[2].run);
  EXPECT_EQ(again.spec->params[2].value, spec.params[2].value);
}

TEST(PipelineSpec, OtherKindsAreNotOurs) {
  const Parsed parsed = parse("kind: Dataset\nname: x\n");
  EXPECT_FALSE(parsed.spec);
  EXPECT_THAT(parsed.faults, IsEmpty());
}

TEST(PipelineSpec, Faults) {
  struct Case {
    const char* name;
    const char* steps;  // the lines from 3 on
    const char* fault;
  };
  const Case cases[] = {
      {"no steps", "", "p.yaml:1:1: a Pipeline needs at least one step under \"steps\""},
      {"unknown key", "step: []\nsteps: [{name: a, run: x}]",
       "p.yaml:3:1: a Pipeline has no key \"step\"; did you mean \"steps\"?"},
      {"unknown step key", "steps: [{name: a, run: x, retrys: 1}]",
       "p.yaml:3:27: a step has no key \"retrys\"; did you mean \"retries\"?"},
      {"neither", "steps: [{name: a}]",
       "p.yaml:3:9: step a needs either \"uses\" (a built-in step) or \"run\" (a command)"},
      {"both", "steps: [{name: a, run: x, uses: gate, inputs: {model: model:m@c}}]",
       "either \"uses\" (a built-in step) or \"run\""},
      {"unknown built-in", "steps: [{name: a, uses: feature}]",
       "p.yaml:3:25: there is no built-in step \"feature\"; did you mean \"features\"?"},
      {"bad name", "steps: [{name: a.b, run: x}]", "p.yaml:3:16: \"a.b\" is no name of a step"},
      {"twice", "steps: [{name: a, run: x}, {name: a, run: y}]", "p.yaml:3:28: step \"a\" stands here twice"},
      {"unknown input of a built-in",
       "steps: [{name: a, uses: train, inputs: {trainin_set: dataset:x, training_set: dataset:x}}]",
       "p.yaml:3:41: built-in step train has no input \"trainin_set\"; did you mean \"training_set\"?"},
      {"missing input", "steps: [{name: a, uses: train}]",
       "p.yaml:3:9: step a uses train and lacks its input \"training_set\""},
      {"unknown with", "steps: [{name: a, uses: features, with: {service: s, week: 3}}]",
       "p.yaml:3:54: built-in step features has no key under \"with\" named \"week\"; did you mean \"weeks\"?"},
      {"missing with", "steps: [{name: a, uses: features}]",
       "p.yaml:3:9: step a uses features and lacks its key under \"with\", \"service\""},
      {"fixed outputs", "steps: [{name: a, uses: gate, inputs: {model: model:m@c}, outputs: [b]}]",
       "whose outputs are fixed"},
      {"unknown step", "steps: [{name: make, run: x, outputs: [o]}, {name: b, run: x, inputs: {i: make2.o}}]",
       "p.yaml:3:75: there is no step \"make2\"; did you mean \"make\"?"},
      {"unknown output", "steps: [{name: make, run: x, outputs: [one]}, {name: b, run: x, inputs: {i: make.on}}]",
       "p.yaml:3:77: step make has no output \"on\"; did you mean \"one\"?"},
      {"unknown needs", "steps: [{name: make, run: x}, {name: b, run: x, needs: [mak]}]",
       "p.yaml:3:57: there is no step \"mak\"; did you mean \"make\"?"},
      {"itself", "steps: [{name: a, run: x, needs: [a]}]", "p.yaml:3:9: the steps form a cycle: a needs a"},
      {"cycle", "steps: [{name: a, run: x, needs: [c]}, {name: b, run: x, needs: [a]}, {name: c, run: x, needs: [b]}]",
       "p.yaml:3:9: the steps form a cycle: a needs c needs b needs a"},
      {"bad reference", "steps: [{name: a, run: x, inputs: {i: flights}}]",
       "p.yaml:3:39: \"flights\" is no input; write dataset:NAME"},
      {"model without alias", "steps: [{name: a, run: x, inputs: {i: model:m}}]",
       "\"model:m\" names no alias; write model:NAME@ALIAS"},
      {"file outside", "steps: [{name: a, run: x, inputs: {i: file:../x}}]",
       "must be a path inside of the project folder"},
      {"code outside", "steps: [{name: a, run: x, code: /etc}]", "must be a path inside of the project folder"},
      {"code of a built-in", "steps: [{name: a, uses: features, with: {service: s}, code: a.py}]",
       "\"code\" belongs to a command"},
      {"unknown param", "params: {weeks: 1}\nsteps: [{name: a, run: x, with: {w: \"${params.week}\"}}]",
       "p.yaml:4:37: ${params.week} is not known; did you mean \"params.weeks\"?"},
      {"unknown param in a command", "params: {weeks: 1}\nsteps: [{name: a, run: \"x ${params.week}\"}]",
       "p.yaml:4:24: ${params.week} is not known; did you mean \"params.weeks\"?"},
      {"open brace", "steps: [{name: a, run: x, with: {w: \"${params.week\"}}]",
       "\"${params.week\" has no closing brace"},
      {"retries", "steps: [{name: a, run: x, retries: -1}]", "p.yaml:3:36: \"retries\" must be from 0 to 100"},
      {"timeout", "steps: [{name: a, run: x, timeout: 0s}]", "p.yaml:3:36: \"timeout\" must be positive"},
      {"cached side effects", "steps: [{name: a, uses: gate, inputs: {model: model:m@c}, cache: true}]",
       "cannot be cached"},
      {"concurrency", "concurrency: 0\nsteps: [{name: a, run: x}]",
       "p.yaml:3:14: \"concurrency\" must be from 1 to 1000"},
  };
  for (const Case& c : cases) {
    const Parsed parsed = parse(std::string("kind: Pipeline\nname: p\n") + c.steps + "\n");
    EXPECT_FALSE(parsed.spec) << c.name;
    ASSERT_FALSE(parsed.faults.empty()) << c.name;
    EXPECT_THAT(parsed.faults.front(), HasSubstr(c.fault)) << c.name;
  }
}

TEST(PipelineSpec, AllFaultsAreReportedAtOnce) {
  const Parsed parsed =
      parse("kind: Pipeline\nname: p\nsteps:\n  - {name: a, run: x, inputs: {i: b.c, j: d}}\n  - {name: e}\n");
  EXPECT_EQ(parsed.faults.size(), 3U);
}

TEST(PipelineSpec, SchemaNamesEveryKey) {
  const Json schema = MUST(parse_json(pipeline_schema()));
  EXPECT_EQ(schema["properties"]["kind"]["const"], "Pipeline");
  for (const char* key : {"name", "description", "params", "concurrency", "parallel", "steps"}) {
    EXPECT_TRUE(schema["properties"].contains(key)) << key;
  }
  for (const char* key :
       {"name", "uses", "run", "inputs", "outputs", "with", "code", "needs", "retries", "timeout", "cache"}) {
    EXPECT_TRUE(schema["$defs"]["step"]["properties"].contains(key)) << key;
  }
}

}  // namespace
}  // namespace millrace::pipelines
