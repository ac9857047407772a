#include <algorithm>

#include "api/mlflow/read.h"
#include "api/mlflow/route.h"
#include "api/mlflow/routes.h"
#include "api/mlflow/trace_json.h"
#include "tracking/traces/traces.h"

namespace millrace::api::mlflow {

namespace {

Answer assessment_answer(const tracking::Assessment& assessment) {
  return object([&](JsonWriter& out) {
    out.key("assessment");
    write(out, assessment);
  });
}

Fields required_assessment(const Input& in) {
  const auto assessment = in.message("assessment");
  if (!assessment) in.missing("assessment");
  return assessment.value_or(in);
}

Result<Answer> create_assessment(Services& services, Input& in) {
  const Fields body = required_assessment(in);
  tracking::Assessment assessment = read_assessment(body);
  TRY(in.check());
  assessment.trace_id = std::string(in.param("trace_id"));
  return assessment_answer(TRY(services.assessments.create(std::move(assessment))));
}

Result<Answer> get_assessment(Services& services, Input& in) {
  return assessment_answer(TRY(services.assessments.find(in.param("trace_id"), in.param("assessment_id"))));
}

// "assessmentName,rationale": a FieldMask in protobuf's JSON.
bool masks(std::string_view mask, std::string_view camel, std::string_view snake) {
  while (!mask.empty()) {
    const std::size_t end = std::min(mask.find(','), mask.size());
    const std::string_view path = mask.substr(0, end);
    if (path == camel || path == snake) return true;
    mask.remove_prefix(std::min(end + 1, mask.size()));
  }
  return false;
}

tracking::AssessmentUpdate read_update(const Fields& body, std::string_view mask) {
  tracking::AssessmentUpdate update;
  if (masks(mask, "assessmentName", "assessment_name")) update.name = owned(body.text("assessment_name"));
  if (masks(mask, "rationale", "rationale")) update.rationale = owned(body.text("rationale"));
  if (masks(mask, "metadata", "metadata")) update.metadata = read_map(body, "metadata");
  if (!masks(mask, "feedback", "feedback") && !masks(mask, "expectation", "expectation")) return update;
  tracking::Assessment value;
  read_assessment_value(body, value);
  update.kind = value.kind;
  update.value = std::move(value.value);
  update.error = std::move(value.error);
  return update;
}

Result<Answer> update_assessment(Services& services, Input& in) {
  const Fields body = required_assessment(in);
  const auto update = read_update(body, in.required_text("update_mask"));
  TRY(in.check());
  return assessment_answer(TRY(services.assessments.update(in.param("trace_id"), in.param("assessment_id"), update)));
}

Result<Answer> delete_assessment(Services& services, Input& in) {
  TRY(services.assessments.remove(in.param("trace_id"), in.param("assessment_id")));
  return Answer{};
}

constexpr Route kRoutes[] = {
    {"POST", "/api/3.0/mlflow/traces/{trace_id}/assessments", create_assessment, Access::kRecord},
    {"GET", "/api/3.0/mlflow/traces/{trace_id}/assessments/{assessment_id}", get_assessment, Access::kRead},
    {"PATCH", "/api/3.0/mlflow/traces/{trace_id}/assessments/{assessment_id}", update_assessment, Access::kWrite},
    {"DELETE", "/api/3.0/mlflow/traces/{trace_id}/assessments/{assessment_id}", delete_assessment, Access::kWrite},
};

}  // namespace

void add_assessment_routes(net::Router& router, Services& services) { add(router, services, kRoutes); }

}  // namespace millrace::api::mlflow
