// Uploads in parts, and signed addresses to read or write a file by, as MLflow's client uses them with an object store.
// Where the artifacts are in one, the addresses are its own, and bytes go past this server; else it is the store
// itself.

#include <charconv>
#include <optional>
#include <vector>

#include "api/mlflow/artifact_file.h"
#include "api/mlflow/artifact_path.h"
#include "api/mlflow/error.h"
#include "api/mlflow/route.h"
#include "api/mlflow/routes.h"
#include "api/mlflow/url_signer.h"
#include "blob/blob.h"
#include "net/client.h"
#include "tracking/logged_models.h"
#include "tracking/tracking.h"

namespace millrace::api::mlflow {

namespace {

using net::Request;
using net::Response;

std::string encode_path(std::string_view path) {
  std::string encoded;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    if (begin > 0) encoded += '/';
    encoded += net::encode_component(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return encoded;
}

std::string part_path(std::string_view upload, std::string_view number) {
  return fmt::format("/api/2.0/mlflow-artifacts/mpu/part/{}/{}", upload, number);
}

std::string signed_path(std::string_view path) {
  return fmt::format("/api/2.0/mlflow-artifacts/signed/{}", encode_path(path));
}

// The client names its own file, of which only the name counts.
Result<std::string> target_of(const Input& in) {
  const auto local = in.required_text("path");
  TRY(in.check());
  const auto name = local.substr(local.find_last_of("/\\") + 1);
  return fmt::format("mlflow/{}", TRY(safe_file_path(fmt::format("{}/{}", in.param("path"), name))));
}

Result<Answer> create(Services& services, Input& in) {
  const auto parts = in.integer("num_parts").value_or(1);
  const std::string key = TRY(target_of(in));
  if (parts < 1 || parts > blob::Uploads::kMostParts) {
    return invalid_argument("Invalid value {} for parameter 'num_parts' supplied: it is 1 to {}", parts,
                            blob::Uploads::kMostParts);
  }
  const std::string upload = TRY(services.blobs.uploads().begin(key, static_cast<int>(parts)));
  std::vector<std::string> addresses;
  for (int number = 1; number <= parts; ++number) {
    const auto direct = TRY(services.blobs.uploads().part_address(upload, number, UrlSigner::kLifetime));
    addresses.push_back(direct ? *direct
                               : services.signer.sign(in.request(), "PUT", part_path(upload, std::to_string(number))));
  }
  return object([&](JsonWriter& out) {
    out.field("upload_id", upload);
    out.key("credentials");
    out.array([&] {
      for (std::size_t i = 0; i < addresses.size(); ++i) {
        out.object([&] {
          out.field("url", addresses[i]);
          out.field("part_number", i + 1);
          out.object("headers", [] {});
        });
      }
    });
  });
}

// An entity tag with or without its quotes.
std::string unquoted(std::string_view etag) {
  if (etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"')) etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

Result<Answer> complete(Services& services, Input& in) {
  std::vector<blob::Part> parts;
  for (const auto& part : in.messages("parts")) {
    parts.push_back({.number = static_cast<int>(part.required_integer("part_number")),
                     .sha256 = unquoted(part.required_text("etag"))});
  }
  const auto upload = in.required_text("upload_id");
  TRY(in.check());
  TRY(services.blobs.uploads().complete(upload, parts));
  return Answer{};
}

Result<Answer> abort(Services& services, Input& in) {
  const auto upload = in.required_text("upload_id");
  TRY(in.check());
  TRY(services.blobs.uploads().abort(upload));
  return Answer{};
}

template <typename Number>
Result<Number> number_of(std::string_view text, std::string_view what) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return invalid_argument("\"{}\" is not {}", text, what);
  }
  return number;
}

Result<std::unique_ptr<blob::Writer>> open_part(Services& services, const Request& request) {
  const auto upload = request.param("upload"), number = request.param("number");
  TRY(services.signer.check(request, part_path(upload, number)));
  return services.blobs.uploads().write_part(
      upload, TRY(number_of<int>(number, "the number of a part")),
      TRY(number_of<std::uint64_t>(request.header("Content-Length"), "the length of a part")));
}

net::UploadHandler part_uploader(Services& services) {
  return [&services](const Request& request) -> std::expected<std::unique_ptr<net::BodySink>, Response> {
    auto writer = open_part(services, request);
    if (!writer) return std::unexpected(answer(writer.error()));
    return store_body(std::move(*writer), [](const blob::Stored& part) {
      return Response{.content_type = "", .headers = {{"ETag", fmt::format("\"{}\"", part.sha256)}}};
    });
  };
}

// The address of the file "mlflow-artifacts:/PATH" for one who may do this to it.
Result<std::string> address_of(Services& services, const Input& in, std::string_view path, blob::Direct what,
                               Duration lifetime) {
  const auto direct = TRY(services.blobs.direct_address(fmt::format("mlflow/{}", path), what, lifetime));
  if (direct) return *direct;
  return services.signer.sign(in.request(), what == blob::Direct::kRead ? "GET" : "PUT", signed_path(path), lifetime);
}

Result<std::uint64_t> size_of(Services& services, std::string_view path) {
  const auto stat = services.blobs.stat(blob::uri_of(fmt::format("mlflow/{}", path)));
  if (!stat || stat->is_folder) return not_found("No such artifact: '{}'", path);
  return stat->size;
}

Result<Answer> presign(Services& services, Input& in) {
  const std::string path = TRY(safe_file_path(in.param("path")));
  const std::uint64_t size = TRY(size_of(services, path));
  const auto url = TRY(address_of(services, in, path, blob::Direct::kRead, UrlSigner::kLifetime));
  return object([&](JsonWriter& out) {
    out.field("url", url);
    out.object("headers", [] {});
    out.field("file_size", size);
  });
}

// Below a run or a logged model: the PATH of "mlflow-artifacts:/PATH".
Result<std::string> path_below(std::string_view artifact_uri, std::string_view given) {
  constexpr std::string_view kOurs = "mlflow-artifacts:/";
  const std::string path = TRY(safe_file_path(given));
  if (!artifact_uri.starts_with(kOurs)) {
    return invalid_argument("Presigned addresses are only given for artifacts that this server keeps, not below {}.",
                            artifact_uri);
  }
  return safe_file_path(fmt::format("{}/{}", artifact_uri.substr(kOurs.size()), path));
}

Result<Duration> lifetime_of(const Input& in, std::int64_t without) {
  const std::int64_t seconds = in.integer("expiration").value_or(without);
  TRY(in.check());
  constexpr std::int64_t kMostSeconds = 604'800;  // of an address of S3
  if (seconds >= 1 && seconds <= kMostSeconds) return std::chrono::seconds(seconds);
  return invalid_argument("expiration must be between 1 and {} seconds (got {}).", kMostSeconds, seconds);
}

Answer presigned(std::string_view url, std::optional<std::uint64_t> size) {
  return object([&](JsonWriter& out) {
    out.field("presigned_url", url);
    if (size) out.field("file_size", *size);
  });
}

Result<Answer> presign_upload(Services& services, Input& in) {
  const std::string_view run = in.text("run_id").value_or(""), model = in.text("model_id").value_or("");
  const std::string_view given = in.required_text("path");
  const Duration lifetime = TRY(lifetime_of(in, 900));
  if (run.empty() == model.empty()) return invalid_argument("Exactly one of run_id and model_id must be provided.");
  const std::string root = run.empty() ? TRY(services.logged_models.find(model)).artifact_uri
                                       : TRY(services.tracking.find_run(run)).artifact_uri;
  const std::string path = TRY(path_below(root, given));
  return presigned(TRY(address_of(services, in, path, blob::Direct::kWrite, lifetime)), std::nullopt);
}

Result<Answer> presign_download(Services& services, Input& in) {
  const std::string_view run = in.required_text("run_id"), given = in.required_text("path");
  const Duration lifetime = TRY(lifetime_of(in, 300));
  const std::string path = TRY(path_below(TRY(services.tracking.find_run(run)).artifact_uri, given));
  const std::uint64_t size = TRY(size_of(services, path));
  return presigned(TRY(address_of(services, in, path, blob::Direct::kRead, lifetime)), size);
}

Result<Response> download_signed(Services& services, const Request& request) {
  const std::string path = TRY(safe_file_path(request.param("path")));
  TRY(services.signer.check(request, signed_path(path)));
  return send_file(services.blobs, request, fmt::format("mlflow/{}", path), path);
}

Result<std::unique_ptr<blob::Writer>> open_signed(Services& services, const Request& request) {
  const std::string path = TRY(safe_file_path(request.param("path")));
  TRY(services.signer.check(request, signed_path(path)));
  return services.blobs.write(fmt::format("mlflow/{}", path));
}

net::UploadHandler signed_uploader(Services& services) {
  return [&services](const Request& request) -> std::expected<std::unique_ptr<net::BodySink>, Response> {
    auto writer = open_signed(services, request);
    if (!writer) return std::unexpected(answer(writer.error()));
    return store_body(std::move(*writer), [](const blob::Stored& stored) {
      return Response{.content_type = "", .headers = {{"ETag", fmt::format("\"{}\"", stored.sha256)}}};
    });
  };
}

constexpr Route kRoutes[] = {
    {"POST", "/api/2.0/mlflow-artifacts/mpu/create/{path...}", create, Access::kWrite},
    {"POST", "/api/2.0/mlflow-artifacts/mpu/complete/{path...}", complete, Access::kWrite},
    {"POST", "/api/2.0/mlflow-artifacts/mpu/abort/{path...}", abort, Access::kWrite},
    {"GET", "/api/2.0/mlflow-artifacts/presigned/{path...}", presign, Access::kRead},
    {"POST", "/api/2.0/mlflow/artifacts/presigned-upload-url", presign_upload, Access::kWrite},
    {"POST", "/api/2.0/mlflow/artifacts/presigned-download-url", presign_download, Access::kRead},
};

}  // namespace

// The signature says who may, so these are open to those who have it.
void add_multipart_routes(net::Router& router, Services& services) {
  add(router, services, kRoutes);
  router.add_upload("PUT", "/api/2.0/mlflow-artifacts/mpu/part/{upload}/{number}", Access::kPublic,
                    part_uploader(services));
  router.add_upload("PUT", "/api/2.0/mlflow-artifacts/signed/{path...}", Access::kPublic, signed_uploader(services));
  router.add("GET", "/api/2.0/mlflow-artifacts/signed/{path...}", Access::kPublic,
             [&](const Request& request) { return answer(download_signed(services, request)); });
}

}  // namespace millrace::api::mlflow
