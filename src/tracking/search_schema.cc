#include "tracking/search.h"

namespace millrace::tracking {

namespace {

using search::Entity;
using search::Nulls;
using search::Type;

Entity run_attributes() {
  return {
      .name = "attribute",
      .aliases = {"attributes", "attr", "run"},
      .fields = {
          {.name = "run_id", .column = "runs.id"},
          {.name = "run_name", .column = "runs.name", .aliases = {"run name", "Run name", "Run Name"}},
          {.name = "status", .column = "runs.status"},
          {.name = "artifact_uri", .column = "runs.artifact_uri"},
          {.name = "user_id", .column = "runs.user_id"},
          {.name = "start_time", .type = Type::kTime, .column = "runs.start_time", .aliases = {"created", "Created"}},
          {.name = "end_time", .type = Type::kTime, .column = "runs.end_time", .nulls = Nulls::kPossible}}};
}

Entity run_datasets() {
  constexpr std::string_view kFrom = "run_inputs i join logged_datasets k on k.id = i.dataset";
  return {.name = "dataset",
          .aliases = {"datasets"},
          .fields = {{.name = "name", .source = {.from = kFrom, .owner = "i.run", .value = "k.name"}},
                     {.name = "digest", .source = {.from = kFrom, .owner = "i.run", .value = "k.digest"}},
                     {.name = "context",
                      .source = {.from = "(select run, value from run_input_tags where key = 'mlflow.data.context') k",
                                 .owner = "k.run",
                                 .value = "k.value"}}}};
}

}  // namespace

const search::Schema& run_schema() {
  static const search::Schema schema{.table = "runs",
                                     .number = "runs.number",
                                     .entities = {{.name = "metric",
                                                   .aliases = {"metrics"},
                                                   .type = Type::kNumber,
                                                   .rows = {.from = "latest_metrics k",
                                                            .owner = "k.run",
                                                            .value = "k.value",
                                                            .key = "k.key",
                                                            .nan = "k.is_nan",
                                                            .index = search::Index::kNumber}},
                                                  {.name = "parameter",
                                                   .aliases = {"parameters", "param", "params"},
                                                   .rows = {.from = "params k",
                                                            .owner = "k.run",
                                                            .value = "k.value",
                                                            .key = "k.key",
                                                            .index = search::Index::kPrefix}},
                                                  {.name = "tag",
                                                   .aliases = {"tags"},
                                                   .rows = {.from = "run_tags k",
                                                            .owner = "k.run",
                                                            .value = "k.value",
                                                            .key = "k.key",
                                                            .index = search::Index::kPrefix}},
                                                  run_attributes(),
                                                  run_datasets()},
                                     .default_order = {{"runs.start_time", true}, {"runs.id"}},
                                     .ties = {{"runs.start_time", true}, {"runs.id"}}};
  return schema;
}

const search::Schema& experiment_schema() {
  static const search::Schema schema{
      .table = "experiments",
      .number = "experiments.id",
      .entities =
          {{.name = "attribute",
            .fields = {{.name = "name", .column = "experiments.name"},
                       {.name = "experiment_id", .type = Type::kId, .column = "experiments.id"},
                       {.name = "creation_time", .type = Type::kTime, .column = "experiments.creation_time"},
                       {.name = "last_update_time", .type = Type::kTime, .column = "experiments.last_update_time"}}},
           {.name = "tag",
            .aliases = {"tags"},
            .rows = {.from = "experiment_tags k", .owner = "k.experiment_id", .value = "k.value", .key = "k.key"}}},
      .default_order = {{"experiments.creation_time", true}, {"experiments.id"}},
      .ties = {{"experiments.id", true}},
      .valid_entities = "Valid entity types are ('attribute', 'tag', 'tags')"};
  return schema;
}

}  // namespace millrace::tracking
