#include "api/http/housekeeping.h"
#include "api/mlflow/read.h"
#include "api/mlflow/route.h"
#include "api/mlflow/routes.h"
#include "api/mlflow/write.h"
#include "tracking/tracking.h"

namespace millrace::api::mlflow {

namespace {

constexpr std::size_t kMostExperiments = 20;  // whose datasets are asked for at once

Result<Answer> create_experiment(Services& services, Input& in) {
  tracking::NewExperiment wanted{.name = std::string(in.required_text("name")),
                                 .artifact_location = owned(in.text("artifact_location")),
                                 .tags = read_tags(in)};
  TRY(in.check());
  for (const auto& tag : wanted.tags) TRY(may_set_tag(in.request(), tag.key));
  const auto experiment = TRY(services.tracking.create_experiment(wanted));
  return object([&](JsonWriter& out) { out.field("experiment_id", experiment.id); });
}

Result<Answer> get_experiment(Services& services, Input& in) {
  const std::string_view id = in.required_text("experiment_id");
  TRY(in.check());
  const auto experiment = TRY(services.tracking.find_experiment(id));
  return object([&](JsonWriter& out) {
    out.key("experiment");
    write(out, experiment);
  });
}

Result<Answer> get_experiment_by_name(Services& services, Input& in) {
  const std::string_view name = in.required_text("experiment_name");
  TRY(in.check());
  const auto experiment = TRY(services.tracking.find_experiment_by_name(name));
  return object([&](JsonWriter& out) {
    out.key("experiment");
    write(out, experiment);
  });
}

Result<Answer> update_experiment(Services& services, Input& in) {
  const std::string_view id = in.required_text("experiment_id");
  const std::string_view name = in.required_text("new_name");
  TRY(in.check());
  TRY(services.tracking.rename_experiment(id, name));
  return Answer{};
}

Result<Answer> delete_experiment(Services& services, Input& in) {
  const std::string_view id = in.required_text("experiment_id");
  TRY(in.check());
  TRY(services.tracking.delete_experiment(id));
  return Answer{};
}

Result<Answer> restore_experiment(Services& services, Input& in) {
  const std::string_view id = in.required_text("experiment_id");
  TRY(in.check());
  TRY(services.tracking.restore_experiment(id));
  return Answer{};
}

Result<Answer> set_experiment_tag(Services& services, Input& in) {
  const std::string_view id = in.required_text("experiment_id");
  const std::string_view key = in.required_text("key");
  const std::string_view value = in.text("value").value_or("");
  TRY(in.check());
  TRY(may_set_tag(in.request(), key));
  TRY(services.tracking.set_experiment_tag(id, {std::string(key), std::string(value)}));
  return Answer{};
}

Result<Answer> delete_experiment_tag(Services& services, Input& in) {
  const std::string_view id = in.required_text("experiment_id");
  const std::string_view key = in.required_text("key");
  TRY(in.check());
  TRY(may_set_tag(in.request(), key));
  TRY(services.tracking.delete_experiment_tag(id, key));
  return Answer{};
}

Result<Answer> search_datasets(Services& services, Input& in) {
  const auto ids = in.texts("experiment_ids");
  TRY(in.check());
  if (ids.empty()) return invalid_argument("SearchDatasets request must specify at least one experiment_id.");
  if (ids.size() > kMostExperiments) {
    return invalid_argument(
        "SearchDatasets request cannot specify more than {} experiment_ids. Received {} experiment_ids.",
        kMostExperiments, ids.size());
  }
  const auto summaries = TRY(services.tracking.list_datasets({ids.begin(), ids.end()}));
  return object([&](JsonWriter& out) {
    out.list("dataset_summaries", summaries, [&](const auto& summary) { write(out, summary); });
  });
}

constexpr Route kRoutes[] = {
    {"POST", "/api/2.0/mlflow/experiments/create", create_experiment, Access::kWrite},
    {"GET", "/api/2.0/mlflow/experiments/get", get_experiment, Access::kRead},
    {"GET", "/api/2.0/mlflow/experiments/get-by-name", get_experiment_by_name, Access::kRead},
    {"POST", "/api/2.0/mlflow/experiments/update", update_experiment, Access::kWrite},
    {"POST", "/api/2.0/mlflow/experiments/delete", delete_experiment, Access::kWrite},
    {"POST", "/api/2.0/mlflow/experiments/restore", restore_experiment, Access::kWrite},
    {"POST", "/api/2.0/mlflow/experiments/set-experiment-tag", set_experiment_tag, Access::kWrite},
    {"POST", "/api/2.0/mlflow/experiments/delete-experiment-tag", delete_experiment_tag, Access::kWrite},
    {"POST", "/api/2.0/mlflow/experiments/search-datasets", search_datasets, Access::kRead},
};

}  // namespace

void add_experiment_routes(net::Router& router, Services& services) { add(router, services, kRoutes); }

}  // namespace millrace::api::mlflow
