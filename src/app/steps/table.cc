#include <vector>

#include "app/steps/step.h"

namespace millrace::app {
namespace {

const Step kSteps[] = {
    {{.name = "ingest",
      .description = "adds a file as a batch to a dataset",
      .inputs = {{"batch"}},
      .outputs = {"version"},
      .with = {{"dataset", true, "Dataset"}, {"format", false, ""}},
      .side_effects = true},
     run_ingest},
    {{.name = "validate",
      .description = "fails where a dataset version failed its expectations or set aside too many rows",
      .inputs = {{"dataset"}},
      .outputs = {"validation"},
      .with = {{"max_quarantined", false, ""}},
      .uses_event_time = false},
     run_validate},
    {{.name = "features",
      .description = "joins a spine of rows with a feature service, as known at each row's moment",
      .inputs = {{"spine"}},
      .other_inputs = true,
      .outputs = {"training_set"},
      .with = {{"service", true, "FeatureService"},
               {"label", true, ""},
               {"start", false, ""},
               {"end", false, ""},
               {"max_rows", false, ""}}},
     run_features},
    {{.name = "train",
      .description = "trains XGBoost on a training set, split by time, and records the run",
      .inputs = {{"training_set"}},
      .outputs = {"model", "report"},
      .with = {{"params", false, ""},
               {"num_rounds", false, ""},
               {"holdout", false, ""},
               {"early_stopping_rounds", false, ""},
               {"experiment", false, ""}},
      .uses_event_time = false},
     run_train},
    {{.name = "evaluate",
      .description = "scores a model and the champion on the newest labelled window of an endpoint",
      .inputs = {{"model"}, {"report"}, {"champion", false}},
      .outputs = {"evaluation"},
      .with =
          {{"endpoint", true, "Endpoint"}, {"window", false, ""}, {"label_wait", false, ""}, {"metrics", false, ""}}},
     run_evaluate},
    {{.name = "register",
      .description = "makes a model the next version of a registered model",
      .inputs = {{"model"}, {"report"}, {"evaluation", false}, {"training_set", false}},
      .outputs = {"version"},
      .with = {{"model", true, ""}, {"description", false, ""}},
      .side_effects = true},
     run_register},
    {{.name = "gate",
      .description = "decides whether a challenger may replace the champion, and records why",
      .inputs = {{"evaluation"}, {"version"}},
      .outputs = {"decision"},
      .with =
          {{"metric", false, ""}, {"margin", false, ""}, {"min_rows", false, ""}, {"min_standard_errors", false, ""}},
      .side_effects = true},
     run_gate},
    {{.name = "deploy",
      .description = "moves an alias to a version that passed its gate; the endpoints behind the alias follow",
      .inputs = {{"decision"}, {"version"}},
      .outputs = {},
      .with = {{"alias", false, ""}, {"first_alias", false, ""}},
      .side_effects = true},
     run_deploy},
};

}  // namespace

std::span<const Step> steps() { return kSteps; }

std::vector<pipelines::BuiltinStep> step_declarations() {
  std::vector<pipelines::BuiltinStep> out;
  for (const auto& step : kSteps) out.push_back(step.declaration);
  return out;
}

}  // namespace millrace::app
