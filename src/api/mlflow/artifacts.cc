#include <memory>
#include <string>

#include "api/mlflow/artifact_file.h"
#include "api/mlflow/artifact_path.h"
#include "api/mlflow/error.h"
#include "api/mlflow/model_source.h"
#include "api/mlflow/route.h"
#include "api/mlflow/routes.h"
#include "blob/blob.h"
#include "tracking/logged_models.h"
#include "tracking/tracking.h"

namespace millrace::api::mlflow {

namespace {

using net::Request;
using net::Response;

// "mlflow-artifacts:/a/b" is the key "mlflow/a/b" of the store.
std::string key_of_path(std::string_view path) { return path.empty() ? "mlflow" : fmt::format("mlflow/{}", path); }

std::string join(std::string_view folder, std::string_view name) {
  return folder.empty() ? std::string(name) : fmt::format("{}/{}", folder, name);
}

void write(JsonWriter& out, const blob::Entry& entry, std::string_view folder) {
  out.object([&] {
    out.field("path", join(folder, entry.name));
    out.field("is_dir", entry.is_folder);
    if (!entry.is_folder) out.field("file_size", entry.size);
  });
}

void write_files(JsonWriter& out, const std::vector<blob::Entry>& entries, std::string_view folder) {
  out.list("files", entries, [&](const blob::Entry& entry) { write(out, entry, folder); });
}

// The server's whole folder, by path.

Result<Response> download(Services& services, const Request& request) {
  const std::string path = TRY(safe_file_path(request.param("path")));
  return send_file(services.blobs, request, key_of_path(path), path);
}

Result<std::unique_ptr<blob::Writer>> open_upload(Services& services, std::string_view path) {
  return services.blobs.write(key_of_path(TRY(safe_file_path(path))));
}

net::UploadHandler uploader(Services& services) {
  return [&services](const Request& request) -> std::expected<std::unique_ptr<net::BodySink>, Response> {
    auto writer = open_upload(services, request.param("path"));
    if (!writer) return std::unexpected(answer(writer.error()));
    return store_body(std::move(*writer), [](const blob::Stored& stored) {
      return Response{.body = "{}", .headers = {{"ETag", fmt::format("\"{}\"", stored.sha256)}}};
    });
  };
}

Result<Answer> list(Services& services, Input& in) {
  const std::string path = TRY(safe_path(in.text("path").value_or("")));
  const auto entries = TRY(services.blobs.list_folder(key_of_path(path)));
  return object([&](JsonWriter& out) { write_files(out, entries, ""); });
}

Result<Answer> remove(Services& services, Input& in) {
  TRY(services.blobs.remove(blob::uri_of(key_of_path(TRY(safe_file_path(in.param("path")))))));
  return Answer{};
}

// Those of a run.

Result<std::string> run_folder(Services& services, std::string_view run_id) {
  return blob::key_of(TRY(services.tracking.find_run(run_id)).artifact_uri);
}

Result<Answer> list_of_run(Services& services, Input& in) {
  const std::string_view run_id = in.run_id();
  const std::string_view given = in.text("path").value_or("");
  TRY(in.check());
  const std::string path = TRY(safe_path(given));
  const auto run = TRY(services.tracking.find_run(run_id));
  const auto entries = TRY(services.blobs.list_folder(join(TRY(blob::key_of(run.artifact_uri)), path)));
  return object([&](JsonWriter& out) {
    out.field("root_uri", run.artifact_uri);
    write_files(out, entries, path);
  });
}

std::string run_of(const Request& request) {
  return request.query("run_id").value_or(request.query("run_uuid").value_or(""));
}

Result<Response> download_of_run(Services& services, const Request& request) {
  const std::string path = TRY(safe_file_path(request.query("path").value_or("")));
  return send_file(services.blobs, request, join(TRY(run_folder(services, run_of(request))), path), path);
}

Result<std::unique_ptr<blob::Writer>> open_upload_of_run(Services& services, const Request& request) {
  const std::string path = TRY(safe_file_path(request.query("path").value_or("")));
  return services.blobs.write(join(TRY(run_folder(services, run_of(request))), path));
}

net::UploadHandler run_uploader(Services& services) {
  return [&services](const Request& request) -> std::expected<std::unique_ptr<net::BodySink>, Response> {
    auto writer = open_upload_of_run(services, request);
    if (!writer) return std::unexpected(answer(writer.error()));
    return store_body(std::move(*writer), [](const blob::Stored&) { return Response{.body = "{}"}; });
  };
}

// Those of a registered version and of a logged model.

Result<Response> download_of_version(Services& services, const Request& request) {
  const std::string path = TRY(safe_file_path(request.query("path").value_or("")));
  const std::string name = request.query("name").value_or("");
  const auto version =
      TRY(find_version_by_uri(services, fmt::format("{}/{}", name, request.query("version").value_or(""))));
  return send_file(services.blobs, request, join(TRY(blob::key_of(version.location())), path), path);
}

Result<Response> download_of_model(Services& services, const Request& request) {
  const std::string path = TRY(safe_file_path(request.query("artifact_file_path").value_or("")));
  const auto model = TRY(services.logged_models.find(request.param("model_id")));
  return send_file(services.blobs, request, join(TRY(blob::key_of(model.artifact_uri)), path), path);
}

Result<Answer> list_of_model(Services& services, Input& in) {
  const std::string path = TRY(safe_path(in.text("artifact_directory_path").value_or("")));
  const auto model = TRY(services.logged_models.find(in.param("model_id")));
  const auto entries = TRY(services.blobs.list_folder(join(TRY(blob::key_of(model.artifact_uri)), path)));
  return object([&](JsonWriter& out) {
    out.field("root_uri", model.artifact_uri);
    write_files(out, entries, path);
  });
}

constexpr std::string_view kPath = "/api/2.0/mlflow-artifacts/artifacts/{path...}";
constexpr Route kRoutes[] = {
    {"GET", "/api/2.0/mlflow-artifacts/artifacts", list, Access::kRead},
    {"DELETE", kPath, remove, Access::kWrite},
    {"GET", "/api/2.0/mlflow/artifacts/list", list_of_run, Access::kRead},
    {"GET", "/api/2.0/mlflow/logged-models/{model_id}/artifacts/directories", list_of_model, Access::kRead},
};

}  // namespace

void add_artifact_routes(net::Router& router, Services& services) {
  add(router, services, kRoutes);
  add(router, "GET", kPath, Access::kRead, [&](const Request& request) { return answer(download(services, request)); });
  add_upload(router, "PUT", kPath, Access::kWrite, uploader(services));
  for (const auto* path : {"/get-artifact", "/ajax-api/2.0/mlflow/get-artifact"}) {
    router.add("GET", path, Access::kRead,
               [&](const Request& request) { return answer(download_of_run(services, request)); });
  }
  for (const auto* path : {"/model-versions/get-artifact", "/ajax-api/2.0/mlflow/model-versions/get-artifact"}) {
    router.add("GET", path, Access::kRead,
               [&](const Request& request) { return answer(download_of_version(services, request)); });
  }
  add(router, "GET", "/api/2.0/mlflow/logged-models/{model_id}/artifacts/files", Access::kRead,
      [&](const Request& request) { return answer(download_of_model(services, request)); });
  router.add_upload("POST", "/ajax-api/2.0/mlflow/upload-artifact", Access::kWrite, run_uploader(services));
}

}  // namespace millrace::api::mlflow
