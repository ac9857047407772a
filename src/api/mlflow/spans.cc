#include "api/otlp/spans.h"

#include <array>
#include <optional>

#include "api/mlflow/error.h"
#include "api/mlflow/routes.h"
#include "base/packing.h"

namespace millrace::api::mlflow {

namespace {

constexpr std::size_t kBodyLimit = 64 << 20;  // packed and unpacked
constexpr std::string_view kProtobuf = "application/x-protobuf";
constexpr std::string_view kJson = "application/json";

std::string_view media_type(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  while (content_type.ends_with(' ')) content_type.remove_suffix(1);
  return content_type;
}

// The body as it was before it was packed; `unpacked` holds it where it was.
Result<std::string_view> body_of(const net::Request& request, std::string& unpacked) {
  const std::string_view encoding = request.header("content-encoding");
  if (encoding.empty() || net::equals_ignoring_case(encoding, "identity")) return request.body;
  std::optional<Packing> packing;
  if (net::equals_ignoring_case(encoding, "gzip")) packing = Packing::kGzip;
  if (net::equals_ignoring_case(encoding, "deflate")) packing = Packing::kDeflate;
  if (!packing) return invalid_argument("Unsupported Content-Encoding: {}", encoding);
  auto bytes = unpack(request.body, *packing, kBodyLimit);
  // Not a matter of trying again, as resource_exhausted would say to the client.
  if (!bytes) return invalid_argument("{}", bytes.error().message);
  unpacked = std::move(*bytes);
  return unpacked;
}

Result<std::vector<tracking::SpanBatch>> read_spans(const net::Request& request) {
  std::string unpacked;
  const std::string_view type = media_type(request.header("content-type"));
  const std::string_view body = TRY(body_of(request, unpacked));
  if (net::equals_ignoring_case(type, kProtobuf)) return otlp::read_protobuf(body);
  if (net::equals_ignoring_case(type, kJson)) return otlp::read_json(body);
  return invalid_argument("Invalid Content-Type: {}. Expected: {} or {}", type.empty() ? "None" : type, kProtobuf,
                          kJson);
}

// An empty ExportTraceServiceResponse, in the request's own format: all was taken.
Result<net::Response> export_spans(Services& services, const net::Request& request) {
  const std::string_view experiment = request.header("x-mlflow-experiment-id");
  if (experiment.empty()) return invalid_argument("The header x-mlflow-experiment-id is missing.");
  auto batches = TRY(read_spans(request));
  for (auto& batch : batches) {
    batch.experiment_id = std::string(experiment);
    batch.run_id = std::string(request.header("x-mlflow-run-id"));
  }
  TRY(services.traces.log_spans(batches));
  const bool json = net::equals_ignoring_case(media_type(request.header("content-type")), kJson);
  return net::Response{.content_type = std::string(json ? kJson : kProtobuf), .body = json ? "{}" : ""};
}

}  // namespace

void add_span_routes(net::Router& router, Services& services) {
  router.add(
      "POST", "/v1/traces", net::Access::kRecord,
      [&services](const net::Request& request) { return answer(export_spans(services, request)); },
      net::Lane::kBlocking, kBodyLimit);
}

}  // namespace millrace::api::mlflow
