#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "api/http/classification.h"
#include "api/http/coding.h"
#include "api/http/model_config.h"
#include "api/http/oip_answer.h"
#include "api/http/oip_error.h"
#include "api/http/oip_request.h"
#include "api/http/resources.h"
#include "api/http/serving_routes.h"
#include "api/http/tensor_json.h"
#include "serving/serving.h"

namespace millrace::api {
namespace {

using net::Request;
using net::Response;
using serving::Endpoints;

constexpr std::size_t kBodyLimit = std::size_t{64} << 20;  // packed and unpacked; Triton's own

// Headers of HTTP, and the parameters of the body.
class Hints final : public serving::RequestHints {
 public:
  Hints(const Request& request, const OipReader& reader) : request_(request), reader_(reader) {}
  std::string header(std::string_view name) const override { return std::string(request_.header(name)); }
  std::string parameter(std::string_view name) const override { return reader_.parameter(name); }

 private:
  const Request& request_;
  const OipReader& reader_;
};

constexpr std::string_view kJsonLength = "Inference-Header-Content-Length";

// How much of the body is JSON, where the request says it.
Result<std::optional<std::size_t>> json_length(const Request& request, std::size_t body_bytes) {
  auto text = request.header(kJsonLength);
  if (text.empty()) return std::nullopt;
  std::size_t length = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc{} || end != text.data() + text.size())
    return invalid_argument("the header {} must be a whole number, not \"{}\"", kJsonLength, text);
  if (length > body_bytes)
    return invalid_argument("the header {} is {}, but the body has {} bytes", kJsonLength, length, body_bytes);
  return length;
}

Result<OipRequest> read_request(const Endpoints& endpoints, const Request& request, std::string_view body,
                                OipReader& reader) {
  auto length = TRY(json_length(request, body.size()));
  auto raw = length == 0;
  auto parsed = raw ? TRY(reader.read_raw(body, TRY(endpoints.contract(request.param("name")))->inputs))
                    : TRY(reader.read(body, length.value_or(body.size())));
  parsed.infer.version = TRY(version_of(request));
  return parsed;
}

Result<void> classify(serving::InferAnswer& answer, std::span<const OutputForm> forms) {
  for (std::size_t i = 0; i < std::min(answer.outputs.size(), forms.size()); ++i)
    if (forms[i].classes > 0) answer.outputs[i] = TRY(classes_of(answer.outputs[i], forms[i].classes));
  return {};
}

Result<Response> write_answer(Result<serving::InferAnswer> scored, std::span<const OutputForm> forms) {
  auto answer = TRY(std::move(scored));
  TRY(classify(answer, forms));
  auto out = oip_answer_body(answer, forms);
  Response response{.body = std::move(out.text)};
  if (out.json_bytes > 0) {
    response.content_type = "application/octet-stream";
    response.headers.emplace_back(kJsonLength, std::to_string(out.json_bytes));
  }
  return response;
}

Response answer_infer(Result<serving::InferAnswer> scored, std::span<const OutputForm> forms,
                      std::optional<Packing> packing) {
  auto response = write_answer(std::move(scored), forms);
  if (!response) return oip_error(response.error());
  pack_answer(packing, *response);
  return std::move(*response);
}

// What is answered later keeps what it needs of the request.
void infer(const Endpoints& endpoints, const Request& request, net::Reply reply) {
  thread_local OipReader reader;
  std::string room;
  auto body = unpacked_body(request, kBodyLimit, room);
  if (!body) return reply(oip_fault(body.error()));
  auto parsed = read_request(endpoints, request, *body, reader);
  if (!parsed) {
    endpoints.note_unread(request.param("name"), parsed.error().code);
    return reply(oip_error(parsed.error()));
  }
  const Hints hints(request, reader);
  parsed->infer.hints = &hints;
  const auto packing = packing_of(request);
  if (auto scored = endpoints.infer_at_once(request.param("name"), parsed->infer))
    return reply(answer_infer(std::move(*scored), parsed->forms, packing));
  endpoints.infer_later(
      request.param("name"), parsed->infer,
      [forms = std::vector(parsed->forms.begin(), parsed->forms.end()), packing, reply = std::move(reply)](
          Result<serving::InferAnswer> scored) mutable { reply(answer_infer(std::move(scored), forms, packing)); });
}

// As the protocol says numbers.
Json versions_of(const serving::EndpointStatus& status) {
  auto versions = Json::array();
  for (const auto version : serving::served_versions(status)) versions.push_back(std::to_string(version));
  return versions;
}

Result<Json> metadata(const Endpoints& endpoints, const Request& request) {
  auto wanted = TRY(version_of(request));
  auto status = TRY(endpoints.find(request.param("name")));
  if (wanted && !serving::serves_version(status, *wanted))
    return not_found("model {} does not serve version {}", status.spec.name, *wanted);
  return Json{{"name", status.spec.name},
              {"versions", versions_of(status)},
              {"platform", status.platform},
              {"inputs", api::to_json(status.inputs)},
              {"outputs", api::to_json(status.outputs)}};
}

Result<Json> ready(const Endpoints& endpoints, const Request& request) {
  auto status = TRY(endpoints.find(request.param("name")));
  auto wanted = TRY(version_of(request));
  if (!status.version) return unavailable("{}", status.problem);
  if (wanted && !serving::serves_version(status, *wanted))
    return unavailable("model {} does not serve version {}", status.spec.name, *wanted);
  return Json{{"name", status.spec.name}, {"ready", true}};
}

Result<Json> server_ready(const std::function<Result<void>()>& ready) {
  TRY(ready());
  return Json{{"ready", true}};
}

}  // namespace

void add_inference_routes(net::Router& router, const ServingServices& services) {
  auto& endpoints = services.endpoints;
  auto infer_handler = [&endpoints](const Request& request, net::Reply reply) {
    infer(endpoints, request, std::move(reply));
  };
  auto metadata_handler = [&endpoints](const Request& request) { return oip_answer(metadata(endpoints, request)); };
  auto ready_handler = [&endpoints](const Request& request) { return oip_answer(ready(endpoints, request)); };
  router.add_deferred("POST", "/v2/models/{name}/infer", Access::kPredict, infer_handler, kBodyLimit);
  router.add_deferred("POST", "/v2/models/{name}/versions/{version}/infer", Access::kPredict, infer_handler,
                      kBodyLimit);
  router.add("GET", "/v2/models/{name}", Access::kPredict, metadata_handler);
  router.add("GET", "/v2/models/{name}/versions/{version}", Access::kPredict, metadata_handler);
  router.add("GET", "/v2/models/{name}/ready", Access::kPredict, ready_handler);
  router.add("GET", "/v2/models/{name}/versions/{version}/ready", Access::kPredict, ready_handler);
  router.add(
      "GET", "/v2/health/live", Access::kPublic, [](const Request&) { return answer(Json{{"live", true}}); },
      net::Lane::kInline);
  router.add("GET", "/v2/health/ready", Access::kPublic,
             [ready = services.ready](const Request&) { return oip_answer(server_ready(ready)); });
  router.add("GET", "/v2", Access::kPublic, [version = services.version](const Request&) {
    return answer(Json{{"name", "millrace"}, {"version", version}, {"extensions", kExtensions}});
  });
}

}  // namespace millrace::api
