#include "tracking/traces/search_schema.h"

namespace millrace::tracking {

namespace {

using search::Entity;
using search::Field;
using search::Nulls;
using search::Source;
using search::Type;

// All that a person may have read in a trace: the names of its spans, their attributes, events and errors.
constexpr Source kContent{.from = R"sql((
select trace, name as value from spans
union all
select trace, status_message as value from spans where status_message <> ''
union all
select trace, events as value from spans where events is not null
union all
select trace, value from span_attributes
) k)sql",
                          .owner = "k.trace",
                          .value = "k.value"};

Entity attributes() {
  return {.name = "attribute",
          .aliases = {"attributes", "trace"},
          .fields = {{.name = "request_id", .column = "traces.id", .aliases = {"trace_id"}},
                     {.name = "experiment_id", .type = Type::kId, .column = "traces.experiment_id"},
                     {.name = "timestamp_ms",
                      .type = Type::kTime,
                      .column = "traces.request_time",
                      .aliases = {"timestamp", "request_time"}},
                     {.name = "execution_time_ms",
                      .type = Type::kInteger,
                      .column = "traces.execution_ms",
                      .nulls = Nulls::kPossible,
                      .aliases = {"execution_time"}},
                     {.name = "end_time_ms",
                      .type = Type::kTime,
                      .column = "(traces.request_time + coalesce(traces.execution_ms, 0) * 1000)",
                      .aliases = {"end_time"}},
                     {.name = "status", .column = "traces.state", .aliases = {"state"}},
                     {.name = "name", .column = "traces.name", .nulls = Nulls::kPossible},
                     {.name = "client_request_id", .column = "traces.client_request_id", .nulls = Nulls::kPossible},
                     {.name = "run_id", .source = {.from = "trace_runs k", .owner = "k.trace", .value = "k.run_id"}},
                     {.name = "prompt", .source = {.from = "trace_prompts k", .owner = "k.trace", .value = "k.prompt"}},
                     {.name = "text", .source = kContent}}};
}

Entity spans() {
  const auto field = [](std::string_view name, std::string_view value) {
    return Field{.name = name, .source = {.from = "spans k", .owner = "k.trace", .value = value}};
  };
  return {.name = "span",
          .fields = {field("name", "k.name"),
                     field("type", "k.type"),
                     field("status", "k.status"),
                     {.name = "content", .source = kContent}},
          .rows = {.from = "span_attributes k", .owner = "k.trace", .value = "k.value", .key = "k.key"},
          .rows_prefix = "attributes."};
}

// `texts` and `numbers` are the valid assessments of a kind.
Entity assessments(std::string_view name, std::string_view texts, std::string_view numbers) {
  return {.name = name,
          .rows = {.from = texts, .owner = "k.trace", .value = "k.text_value", .key = "k.name"},
          .numbers = {.from = numbers, .owner = "k.trace", .value = "k.number_value", .key = "k.name"}};
}

}  // namespace

const search::Schema& trace_schema() {
  static const search::Schema schema{
      .table = "traces",
      .number = "traces.number",
      .entities = {attributes(),
                   {.name = "tag",
                    .aliases = {"tags"},
                    .rows = {.from = "trace_tags k", .owner = "k.trace", .value = "k.value", .key = "k.key"}},
                   {.name = "request_metadata",
                    .aliases = {"metadata"},
                    .rows = {.from = "trace_metadata k", .owner = "k.trace", .value = "k.value", .key = "k.key"}},
                   spans(),
                   assessments("feedback", "(select * from assessments where kind = 'feedback' and valid = 1) k",
                               "(select * from assessments where kind = 'feedback' and valid = 1 and number_value is "
                               "not null) k"),
                   assessments("expectation", "(select * from assessments where kind = 'expectation' and valid = 1) k",
                               "(select * from assessments where kind = 'expectation' and valid = 1 and number_value "
                               "is not null) k"),
                   {.name = "issue",
                    .fields = {{.name = "id",
                                .source = {.from = "(select trace, name from assessments where kind = 'issue') k",
                                           .owner = "k.trace",
                                           .value = "k.name"}}}}},
      .default_order = {{"traces.request_time", true}, {"traces.id"}},
      .ties = {{"traces.request_time", true}, {"traces.id"}}};
  return schema;
}

}  // namespace millrace::tracking
