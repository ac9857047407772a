#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "db/db.h"
#include "tracking/traces/rows.h"
#include "tracking/traces/summary.h"
#include "tracking/traces/traces.h"

namespace millrace::tracking {

namespace {

std::optional<std::string> error_json(const std::optional<AssessmentError>& error) {
  if (!error) return std::nullopt;
  return dump_json(Json{{"code", error->code}, {"message", error->message}, {"stack_trace", error->stack_trace}});
}

std::optional<std::string> metadata_json(const std::vector<Tag>& metadata) {
  if (metadata.empty()) return std::nullopt;
  Json json = Json::object();
  for (const Tag& item : metadata) json[item.key] = item.value;
  return dump_json(json);
}

// PostgreSQL's texts have no NUL; such a value is found by its JSON.
std::string searchable(const std::string& json) {
  const auto text = text_of(json);
  return text && !text->contains('\0') ? *text : json;
}

std::optional<double> number_of(const std::string& value) {
  const auto json = parse_json(value);
  return json && json->is_number() ? std::optional(json->get<double>()) : std::nullopt;
}

std::unexpected<Error> no_assessment(std::string_view trace_id, std::string_view id) {
  return not_found("Assessment with ID '{}' not found for trace '{}'", id, trace_id);
}

Result<void> invalidate(db::Transaction& tx, std::int64_t trace, const Assessment& by) {
  if (by.overrides.empty()) return {};
  const auto changed =
      TRY(tx.execute("update assessments set valid = 0 where trace = ? and id = ?", trace, by.overrides));
  if (changed == 0) return no_assessment(by.trace_id, by.overrides);
  return {};
}

// Says why there is none: the trace or the assessment is missing.
Result<Assessment> find_in(db::Transaction& tx, std::string_view trace_id, std::string_view id) {
  const std::int64_t trace = TRY(trace_number(tx, trace_id));
  auto rows =
      TRY(tx.query<AssessmentRow>(std::string(kSelectAssessments) + " where a.trace = ? and a.id = ?", trace, id));
  if (rows.empty()) return no_assessment(trace_id, id);
  return to_assessment(std::move(rows.front()));
}

std::string_view noun(AssessmentKind kind) { return kind == AssessmentKind::kFeedback ? "Feedback" : "Expectation"; }

Result<Assessment> changed(Assessment assessment, const AssessmentUpdate& update) {
  if (update.kind && *update.kind != assessment.kind) {
    return invalid_argument("Cannot update {} value on {} {} assessment.", to_text(*update.kind),
                            assessment.kind == AssessmentKind::kFeedback ? "a" : "an", noun(assessment.kind));
  }
  if (update.kind) assessment.error = update.error;
  if (update.value) assessment.value = *update.value;
  if (update.name) assessment.name = *update.name;
  if (update.rationale) assessment.rationale = update.rationale;
  for (const Tag& item : update.metadata) {
    std::erase_if(assessment.metadata, [&](const Tag& old) { return old.key == item.key; });
    assessment.metadata.push_back(item);
  }
  return assessment;
}

}  // namespace

Result<void> put_assessment(db::Transaction& tx, std::int64_t trace, const Assessment& assessment) {
  TRY(tx.execute("delete from assessments where trace = ? and id = ?", trace, assessment.id));
  TRY(invalidate(tx, trace, assessment));
  const auto added = TRY(tx.execute(
      R"sql(
insert into assessments (id, trace, name, kind, value, text_value, number_value, error, source_type, source_id,
                         rationale, metadata, span_id, create_time, last_update_time, overrides, valid)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict do nothing
)sql",
      assessment.id, trace, assessment.name, assessment.kind, assessment.value, searchable(assessment.value),
      number_of(assessment.value), error_json(assessment.error), assessment.source_type, assessment.source_id,
      assessment.rationale, metadata_json(assessment.metadata), assessment.span_id, assessment.create_time,
      assessment.last_update_time, assessment.overrides, assessment.valid));
  if (added == 0) return already_exists("Assessment with ID '{}' is another trace's.", assessment.id);
  return {};
}

Result<Assessment> Assessments::create(Assessment assessment) {
  if (assessment.id.empty()) assessment.id = "a-" + ids_.next();
  if (assessment.create_time == Timestamp{}) assessment.create_time = clock_.now();
  if (assessment.last_update_time == Timestamp{}) assessment.last_update_time = assessment.create_time;
  TRY(database_.write([&](db::Transaction& tx) -> Result<void> {
    return put_assessment(tx, TRY(trace_number(tx, assessment.trace_id)), assessment);
  }));
  return assessment;
}

Result<Assessment> Assessments::find(std::string_view trace_id, std::string_view id) const {
  auto rows = TRY(
      database_.query<AssessmentRow>(std::string(kSelectAssessments) + " where t.id = ? and a.id = ?", trace_id, id));
  if (!rows.empty()) return to_assessment(std::move(rows.front()));
  if (TRY(database_.query<std::int64_t>("select number from traces where id = ?", trace_id)).empty()) {
    return not_found("Trace with request_id '{}' not found", trace_id);
  }
  return no_assessment(trace_id, id);
}

Result<Assessment> Assessments::update(std::string_view trace_id, std::string_view id, const AssessmentUpdate& update) {
  Assessment assessment;
  TRY(database_.write([&](db::Transaction& tx) -> Result<void> {
    assessment = TRY(changed(TRY(find_in(tx, trace_id, id)), update));
    assessment.last_update_time = clock_.now();
    TRY(tx.execute(R"sql(
update assessments
set name = ?, value = ?, text_value = ?, number_value = ?, error = ?, rationale = ?, metadata = ?, last_update_time = ?
where id = ?
)sql",
                   assessment.name, assessment.value, searchable(assessment.value), number_of(assessment.value),
                   error_json(assessment.error), assessment.rationale, metadata_json(assessment.metadata),
                   assessment.last_update_time, id));
    return {};
  }));
  return assessment;
}

Result<void> Assessments::remove(std::string_view trace_id, std::string_view id) {
  return database_.write([&](db::Transaction& tx) -> Result<void> {
    const std::int64_t trace = TRY(trace_number(tx, trace_id));
    TRY(tx.execute(R"sql(
update assessments
set valid = 1
where trace = ?
  and id in (select overrides from assessments where trace = ? and id = ?)
)sql",
                   trace, trace, id));
    TRY(tx.execute("delete from assessments where trace = ? and id = ?", trace, id));
    return {};
  });
}

}  // namespace millrace::tracking
