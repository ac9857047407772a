#include "api/mlflow/trace_json.h"

#include <array>
#include <charconv>
#include <cmath>

#include "api/mlflow/read.h"
#include "api/otlp/spans.h"
#include "tracking/traces/summary.h"

namespace millrace::api::mlflow {

namespace {

using tracking::Assessment;
using tracking::AssessmentKind;
using tracking::TraceState;

constexpr std::array kStates = {TraceState::kUnspecified, TraceState::kOk, TraceState::kError, TraceState::kInProgress};
constexpr std::array<std::string_view, 4> kSources = {"SOURCE_TYPE_UNSPECIFIED", "HUMAN", "LLM_JUDGE", "CODE"};
constexpr std::string_view kJsonFormat = "JSON_FORMAT";
constexpr std::string_view kExperimentLocation = "MLFLOW_EXPERIMENT";
constexpr double kMaxSeconds = 9.0e9;

std::optional<std::string> optional_text(const Fields& in, std::string_view name) {
  const auto text = in.text(name);
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

// "2026-03-01T06:00:00.250Z"
std::optional<Timestamp> read_moment(const Fields& in, std::string_view name) {
  const auto text = in.text(name);
  if (!text) return std::nullopt;
  const auto moment = parse_time(*text);
  if (!moment) in.fault(fmt::format("Invalid value \"{}\" for parameter '{}' supplied.{}", *text, name, kSeeDocs));
  return moment ? std::optional(*moment) : std::nullopt;
}

// "1.25s", in milliseconds.
std::optional<std::int64_t> read_duration(const Fields& in, std::string_view name) {
  const auto text = in.text(name);
  if (!text) return std::nullopt;
  double seconds = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  const bool whole = error == std::errc{} && std::string_view(end, text->data() + text->size()) == "s";
  if (!whole || !(std::abs(seconds) < kMaxSeconds)) {
    in.fault(fmt::format("Invalid value \"{}\" for parameter '{}' supplied.{}", *text, name, kSeeDocs));
    return std::nullopt;
  }
  return std::llround(seconds * 1000);
}

std::string read_location(const Fields& in) {
  const auto location = in.message("trace_location");
  const auto experiment = location ? location->message("mlflow_experiment") : std::nullopt;
  if (!experiment) {
    in.missing("trace_location.mlflow_experiment");
    return {};
  }
  return std::string(experiment->required_text("experiment_id"));
}

TraceState read_state(const Fields& in) {
  std::array<std::string_view, kStates.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = to_text(kStates[i]);
  return kStates[in.choice("state", names, 0).value_or(0)];
}

std::optional<tracking::AssessmentError> read_error(const Fields& in) {
  const auto error = in.message("error");
  if (!error) return std::nullopt;
  return tracking::AssessmentError{owned(error->text("error_code")), owned(error->text("error_message")),
                                   owned(error->text("stack_trace"))};
}

void read_expectation(const Fields& in, Assessment& assessment) {
  assessment.kind = AssessmentKind::kExpectation;
  const auto serialized = in.message("serialized_value");
  if (!serialized) {
    assessment.value = in.json("value").value_or("null");
    return;
  }
  if (serialized->text("serialization_format") != kJsonFormat) {
    in.fault(fmt::format("Unknown serialization format: {}. Only JSON_FORMAT is supported.",
                         serialized->text("serialization_format").value_or("")));
  }
  assessment.value = owned(serialized->text("value"));
  simdjson::dom::parser parser;
  if (parser.parse(assessment.value).error()) in.fault("An expectation's serialized_value must be JSON.");
}

void write_optional(JsonWriter& out, std::string_view name, const std::optional<std::string>& text) {
  if (text) out.field(name, *text);
}

void write_error(JsonWriter& out, const tracking::AssessmentError& error) {
  out.object("error", [&] {
    out.field("error_code", error.code);
    if (!error.message.empty()) out.field("error_message", error.message);
    if (!error.stack_trace.empty()) out.field("stack_trace", error.stack_trace);
  });
}

void write_feedback(JsonWriter& out, const Assessment& assessment) {
  out.object("feedback", [&] {
    out.key("value");
    out.raw(assessment.value);
    if (assessment.error) write_error(out, *assessment.error);
  });
}

// Lists and objects are JSON within JSON.
void write_expectation(JsonWriter& out, const Assessment& assessment) {
  out.object("expectation", [&] {
    if (!assessment.value.starts_with('{') && !assessment.value.starts_with('[')) {
      out.key("value");
      out.raw(assessment.value);
      return;
    }
    out.object("serialized_value", [&] {
      out.field("serialization_format", kJsonFormat);
      out.field("value", assessment.value);
    });
  });
}

void write_value(JsonWriter& out, const Assessment& assessment) {
  switch (assessment.kind) {
    case AssessmentKind::kFeedback:
      return write_feedback(out, assessment);
    case AssessmentKind::kExpectation:
      return write_expectation(out, assessment);
    case AssessmentKind::kIssue:
      return out.object(
          "issue", [&] { out.field("issue_name", tracking::text_of(assessment.value).value_or(assessment.value)); });
  }
}

}  // namespace

std::vector<tracking::Tag> read_map(const Fields& in, std::string_view name) {
  std::vector<tracking::Tag> items;
  for (const auto& [key, value] : in.map(name)) items.push_back({std::string(key), std::string(value)});
  return items;
}

tracking::TraceInfo read_trace_info(const Fields& in) {
  tracking::TraceInfo info{.id = std::string(in.required_text("trace_id")),
                           .experiment_id = read_location(in),
                           .client_request_id = optional_text(in, "client_request_id"),
                           .request_preview = optional_text(in, "request_preview"),
                           .response_preview = optional_text(in, "response_preview"),
                           .request_time = read_moment(in, "request_time").value_or(Timestamp{}),
                           .execution_ms = read_duration(in, "execution_duration"),
                           .state = read_state(in),
                           .metadata = read_map(in, "trace_metadata"),
                           .tags = read_map(in, "tags")};
  for (const Fields& assessment : in.messages("assessments")) {
    info.assessments.push_back(read_assessment(assessment));
    info.assessments.back().trace_id = info.id;
  }
  return info;
}

void read_assessment_value(const Fields& in, Assessment& assessment) {
  if (const auto feedback = in.message("feedback")) {
    assessment.kind = AssessmentKind::kFeedback;
    assessment.value = feedback->json("value").value_or("null");
    assessment.error = read_error(*feedback);
  } else if (const auto expectation = in.message("expectation")) {
    read_expectation(*expectation, assessment);
  } else if (const auto issue = in.message("issue")) {
    assessment.kind = AssessmentKind::kIssue;
    assessment.value = issue->json("issue_name").value_or("\"\"");
  } else {
    in.fault("Unknown assessment type: None");
  }
}

Assessment read_assessment(const Fields& in) {
  Assessment assessment{.id = owned(in.text("assessment_id")),
                        .name = std::string(in.required_text("assessment_name")),
                        .source_type = std::string(kSources.front()),
                        .source_id = "default",
                        .rationale = optional_text(in, "rationale"),
                        .metadata = read_map(in, "metadata"),
                        .span_id = owned(in.text("span_id")),
                        .create_time = read_moment(in, "create_time").value_or(Timestamp{}),
                        .last_update_time = read_moment(in, "last_update_time").value_or(Timestamp{}),
                        .overrides = owned(in.text("overrides")),
                        .valid = in.boolean("valid").value_or(true)};
  read_assessment_value(in, assessment);
  if (const auto source = in.message("source")) {
    assessment.source_type = std::string(kSources[source->choice("source_type", kSources, 0).value_or(0)]);
    assessment.source_id = owned(source->text("source_id"));
  }
  return assessment;
}

void write_map(JsonWriter& out, std::string_view name, const std::vector<tracking::Tag>& items) {
  if (items.empty()) return;
  out.object(name, [&] {
    for (const auto& item : items) out.field(item.key, item.value);
  });
}

void write(JsonWriter& out, const Assessment& assessment) {
  out.object([&] {
    out.field("assessment_id", assessment.id);
    out.field("assessment_name", assessment.name);
    out.field("trace_id", assessment.trace_id);
    if (!assessment.span_id.empty()) out.field("span_id", assessment.span_id);
    out.object("source", [&] {
      out.field("source_type", assessment.source_type);
      out.field("source_id", assessment.source_id);
    });
    out.field("create_time", format_time(assessment.create_time));
    out.field("last_update_time", format_time(assessment.last_update_time));
    write_value(out, assessment);
    write_optional(out, "rationale", assessment.rationale);
    write_map(out, "metadata", assessment.metadata);
    if (!assessment.overrides.empty()) out.field("overrides", assessment.overrides);
    out.field("valid", assessment.valid);
  });
}

void write(JsonWriter& out, const tracking::TraceInfo& info) {
  out.object([&] {
    out.field("trace_id", info.id);
    write_optional(out, "client_request_id", info.client_request_id);
    out.object("trace_location", [&] {
      out.field("type", kExperimentLocation);
      out.object("mlflow_experiment", [&] { out.field("experiment_id", info.experiment_id); });
    });
    write_optional(out, "request_preview", info.request_preview);
    write_optional(out, "response_preview", info.response_preview);
    out.field("request_time", format_time(info.request_time));
    if (info.execution_ms) {
      out.field("execution_duration", fmt::format("{:.3f}s", static_cast<double>(*info.execution_ms) / 1000));
    }
    out.field("state", to_text(info.state));
    write_map(out, "trace_metadata", info.metadata);
    out.list("assessments", info.assessments, [&](const Assessment& assessment) { write(out, assessment); });
    write_map(out, "tags", info.tags);
  });
}

void write(JsonWriter& out, const tracking::Trace& trace) {
  out.object([&] {
    out.key("trace_info");
    write(out, trace.info);
    out.list("spans", trace.spans, [&](const tracking::Span& span) { otlp::write_otlp(out, span); });
  });
}

}  // namespace millrace::api::mlflow
