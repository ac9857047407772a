#include <array>

#include "api/mlflow/read.h"
#include "api/mlflow/route.h"
#include "api/mlflow/routes.h"
#include "api/mlflow/write.h"
#include "tracking/tracking.h"

namespace millrace::api::mlflow {

namespace {

// In the order of the numbers that protobuf gives them.
constexpr std::array kStatuses = {tracking::RunStatus::kRunning, tracking::RunStatus::kScheduled,
                                  tracking::RunStatus::kFinished, tracking::RunStatus::kFailed,
                                  tracking::RunStatus::kKilled};

std::optional<tracking::RunStatus> read_status(const Input& in) {
  std::array<std::string_view, kStatuses.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = to_text(kStatuses[i]);
  const auto chosen = in.choice("status", names);
  return chosen ? std::optional(kStatuses[*chosen]) : std::nullopt;
}

Answer run_answer(const tracking::Run& run) {
  return object([&](JsonWriter& out) {
    out.key("run");
    write(out, run);
  });
}

// Who is known to have sent it; else who the client says.
std::string user_of(const Input& in) {
  const auto known = in.request().user;
  return known.empty() ? owned(in.text("user_id")) : std::string(known);
}

Result<Answer> create_run(Services& services, Input& in) {
  const auto experiment = in.text("experiment_id");
  tracking::NewRun run{.experiment_id = experiment && !experiment->empty() ? std::string(*experiment) : "0",
                       .start_time = read_time(in, "start_time"),
                       .user_id = user_of(in)};
  run.name = owned(in.text("run_name"));
  run.tags = read_tags(in);
  TRY(in.check());
  return run_answer(TRY(services.tracking.create_run(run)));
}

Result<Answer> get_run(Services& services, Input& in) {
  const std::string_view id = in.run_id();
  TRY(in.check());
  return run_answer(TRY(services.tracking.find_run(id)));
}

Result<Answer> update_run(Services& services, Input& in) {
  const std::string_view id = in.run_id();
  tracking::RunUpdate update{.status = read_status(in), .end_time = read_time(in, "end_time")};
  if (const auto name = in.text("run_name"); name && !name->empty()) update.name = std::string(*name);
  TRY(in.check());
  const auto run = TRY(services.tracking.update_run(id, update));
  return object([&](JsonWriter& out) {
    out.key("run_info");
    write_info(out, run);
  });
}

Result<Answer> delete_run(Services& services, Input& in) {
  const std::string_view id = in.required_text("run_id");
  TRY(in.check());
  TRY(services.tracking.delete_run(id));
  return Answer{};
}

Result<Answer> restore_run(Services& services, Input& in) {
  const std::string_view id = in.required_text("run_id");
  TRY(in.check());
  TRY(services.tracking.restore_run(id));
  return Answer{};
}

Result<Answer> set_tag(Services& services, Input& in) {
  const std::string_view id = in.run_id();
  const tracking::Tag tag{std::string(in.required_text("key")), owned(in.text("value"))};
  TRY(in.check());
  TRY(services.tracking.set_tag(id, tag));
  return Answer{};
}

Result<Answer> delete_tag(Services& services, Input& in) {
  const std::string_view id = in.required_text("run_id");
  const std::string_view key = in.required_text("key");
  TRY(in.check());
  TRY(services.tracking.delete_tag(id, key));
  return Answer{};
}

constexpr Route kRoutes[] = {
    {"POST", "/api/2.0/mlflow/runs/create", create_run, Access::kWrite},
    {"GET", "/api/2.0/mlflow/runs/get", get_run, Access::kRead},
    {"POST", "/api/2.0/mlflow/runs/update", update_run, Access::kWrite},
    {"POST", "/api/2.0/mlflow/runs/delete", delete_run, Access::kWrite},
    {"POST", "/api/2.0/mlflow/runs/restore", restore_run, Access::kWrite},
    {"POST", "/api/2.0/mlflow/runs/set-tag", set_tag, Access::kRecord},
    {"POST", "/api/2.0/mlflow/runs/delete-tag", delete_tag, Access::kWrite},
};

}  // namespace

void add_run_routes(net::Router& router, Services& services) { add(router, services, kRoutes); }

}  // namespace millrace::api::mlflow
