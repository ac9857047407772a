#include <nlohmann/json.hpp>

#include "app/steps/step.h"

namespace millrace::app {

Result<void> run_register(StepRun& run) {
  auto* model = TRY(run.input("model"));
  auto report = TRY(run.read_input("report"));
  auto derived = Json::array({model->artifact});
  if (auto* training_set = run.find_input("training_set")) derived.push_back(training_set->artifact);
  Json tags{{"millrace.training_set", ""}, {"millrace.event_time", format_time(run.context().event_time)}};
  if (auto* training_set = run.find_input("training_set")) tags["millrace.training_set"] = training_set->uri;
  auto name = TRY(run.string("model"));
  auto version = TRY(run.api().post(api::target("/api/v1/models/{}/versions", name),
                                    {{"source", model->uri},
                                     {"run_id", report.at("run_id")},
                                     {"description", TRY(run.string_or("description", ""))},
                                     {"pipeline_run", run.context().pipeline_run_id},
                                     {"key", run.key("version")},
                                     {"tags", tags},
                                     {"derived_from", derived}}));
  StepRun::say(fmt::format("registered {} version {}", name, version["version"].get<std::int64_t>()));
  TRY(run.write_result({{"model", name}, {"version", version["version"]}}));
  return run.write_output("version", version);
}

}  // namespace millrace::app
