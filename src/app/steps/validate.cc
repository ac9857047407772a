#include <nlohmann/json.hpp>

#include "app/steps/step.h"

namespace millrace::app {

Result<void> run_validate(StepRun& run) {
  auto* input = TRY(run.input("dataset"));
  if (input->kind != "dataset") return invalid_argument("input \"dataset\" must be a dataset, not {}", input->ref);
  auto name = input->ref.substr(input->ref.find(':') + 1);
  auto version = TRY(run.api().get(api::target("/api/v1/datasets/{}/versions/{}", name, input->version)));
  auto rows = version.value("rows", 0.0), quarantined = version.value("quarantined", 0.0);
  auto most = TRY(run.number_or("max_quarantined", 1));
  auto share = rows + quarantined > 0 ? quarantined / (rows + quarantined) : 0;
  const auto& validation = version["validation"];
  StepRun::say(fmt::format("dataset {} version {}: {} rows, {} quarantined ({:.4f} %)", name, input->version, rows,
                           quarantined, 100 * share));
  if (validation.is_object() && !validation.value("success", true))
    return failed_precondition("dataset {} version {} failed an expectation", name, input->version);
  if (share > most)
    return failed_precondition("dataset {} version {} set aside {:.4f} % of its rows, more than {:.4f} %", name,
                               input->version, 100 * share, 100 * most);
  TRY(run.write_result({{"rows", rows}, {"quarantined", quarantined}}));
  return run.write_output("validation", validation);
}

}  // namespace millrace::app
