#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/http/coding.h"
#include "api/http/oip_error.h"
#include "api/http/resources.h"
#include "api/http/serving_routes.h"
#include "api/http/tensor_json.h"
#include "api/scoring/cast.h"
#include "api/scoring/enforce.h"
#include "api/scoring/json_reader.h"
#include "api/scoring/predictions.h"
#include "serving/rows.h"
#include "serving/serving.h"

// TensorFlow Serving's REST API, version 1, which KServe speaks, too.

namespace millrace::api {
namespace {

using net::Request;
using net::Response;
using scoring::Key;
using serving::Contract;
using serving::Endpoints;
using serving::EndpointStatus;

constexpr std::size_t kBodyLimit = std::size_t{64} << 20;
constexpr std::string_view kSignature = "serving_default";

// What the path asks of whom: /v1/models/NAME[/versions/N|/labels/LABEL]:VERB.
struct Target {
  std::string_view name, version, label, verb;
  bool names_version() const { return !version.empty() || !label.empty(); }
};

Target target_of(const Request& request) {
  Target target{request.param("name"), request.param("version"), request.param("label"), {}};
  auto& last = !target.version.empty() ? target.version : !target.label.empty() ? target.label : target.name;
  auto colon = std::min(last.rfind(':'), last.size());
  target.verb = last.substr(std::min(colon + 1, last.size()));
  last = last.substr(0, colon);
  return target;
}

// The version that is asked for by its number, or by the name of an arm that has it.
Result<std::optional<std::int64_t>> wanted_version(const EndpointStatus& status, const Target& target) {
  if (!target.names_version()) return std::nullopt;
  for (const auto& arm : status.arms)
    if (arm.version && (std::to_string(*arm.version) == target.version || arm.spec.name == target.label))
      return arm.version;
  return not_found("model {} does not serve {} {}", status.spec.name, target.label.empty() ? "version" : "label",
                   target.label.empty() ? target.version : target.label);
}

// An array without a name is of the only input, or of the whole rows that a model of columns takes. An array with one
// is of that input's datatype.
Result<std::vector<serving::Tensor>> tensors_of(const scoring::Table& table, const Contract& contract) {
  std::vector<serving::Tensor> tensors;
  for (const auto& array : table.arrays) {
    bool nameless = table.form == scoring::Table::Form::kArray;
    auto spec =
        nameless ? contract.inputs.begin() : std::ranges::find(contract.inputs, array.name, &serving::TensorSpec::name);
    bool known = spec != contract.inputs.end() && (!nameless || contract.inputs.size() == 1);
    tensors.push_back(known ? TRY(scoring::cast(array, {.name = spec->name, .datatype = spec->datatype}))
                            : TRY(scoring::cast(array)));
    if (!known && nameless) tensors.back().name = "instances";
  }
  return tensors;
}

// What is to be scored, and whether it came in rows or in columns.
struct Prediction {
  std::vector<serving::Tensor> tensors;
  std::optional<std::int64_t> version;
  Key key;
};

// Row format is answered with rows, column format with columns; a single output needs no name.
std::string body_of(Key key, std::span<const serving::Tensor> outputs) {
  auto rows = key == Key::kInstances;
  std::string out = rows ? "{\"predictions\": " : "{\"outputs\": ";
  auto named = rows ? scoring::Layout::kRecords : scoring::Layout::kArrays;
  scoring::append_outputs(out, outputs, outputs.size() == 1 ? scoring::Layout::kArray : named);
  return out += '}';
}

Result<Prediction> read_prediction(const Endpoints& endpoints, const Target& target, std::string_view body) {
  thread_local scoring::JsonReader reader(scoring::Dialect::kTensorFlow);
  auto contract = TRY(endpoints.contract(target.name));
  std::optional<std::int64_t> version;
  if (target.names_version()) version = TRY(wanted_version(TRY(endpoints.find(target.name)), target));
  auto request = TRY(reader.read(body));
  if (!request.signature_name.empty() && request.signature_name != kSignature)
    return invalid_argument("model {} has no signature \"{}\"; it has \"{}\"", target.name, request.signature_name,
                            kSignature);
  auto tensors = TRY(tensors_of(request.table, *contract));
  return Prediction{std::move(tensors), version, request.key};
}

Response write_answer(const Result<serving::InferAnswer>& scored, Key key, std::optional<Packing> packing) {
  if (!scored) return oip_error(scored.error());
  Response response{.body = body_of(key, scored->outputs)};
  pack_answer(packing, response);
  return response;
}

void answer_post(const Endpoints& endpoints, const Request& request, net::Reply reply) {
  auto target = target_of(request);
  if (net::equals_ignoring_case(target.verb, "classify") || net::equals_ignoring_case(target.verb, "regress"))
    return reply(oip_error(fail(Code::kUnimplemented, "millrace has no :{}; ask :predict", target.verb).error()));
  if (!net::equals_ignoring_case(target.verb, "predict"))
    return reply(oip_error(not_found("there is no \"{}\" to ask of a model; ask :predict", target.verb).error()));
  std::string room;
  auto body = unpacked_body(request, kBodyLimit, room);
  if (!body) return reply(oip_fault(body.error()));
  auto asked = read_prediction(endpoints, target, *body);
  if (!asked) {
    endpoints.note_unread(target.name, asked.error().code);
    return reply(oip_error(asked.error()));
  }
  const serving::Views inputs(asked->tensors);
  endpoints.infer(
      target.name, {.version = asked->version, .inputs = inputs},
      [key = asked->key, packing = packing_of(request), reply = std::move(reply)](
          const Result<serving::InferAnswer>& scored) mutable { reply(write_answer(scored, key, packing)); });
}

Json version_json(const serving::ArmStatus& arm) {
  return {{"version", std::to_string(*arm.version)},
          {"state", "AVAILABLE"},
          {"status", {{"error_code", "OK"}, {"error_message", ""}}}};
}

// TensorFlow's list of versions, and what KServe asks for: {"name", "ready"}.
Result<Json> model_status(const Endpoints& endpoints, const Request& request) {
  auto target = target_of(request);
  auto status = TRY(endpoints.find(target.name));
  auto wanted = TRY(wanted_version(status, target));
  auto versions = Json::array();
  for (const auto& arm : status.arms) {
    if (!arm.version || (wanted && arm.version != wanted)) continue;
    auto version = version_json(arm);
    if (std::ranges::find(versions, version) == versions.end()) versions.push_back(std::move(version));
  }
  return Json{
      {"name", status.spec.name}, {"ready", status.version.has_value()}, {"model_version_status", std::move(versions)}};
}

std::string_view dtype_of(serving::Datatype datatype) {
  using serving::Datatype;
  switch (datatype) {
    case Datatype::kBool:
      return "DT_BOOL";
    case Datatype::kUint8:
      return "DT_UINT8";
    case Datatype::kUint16:
      return "DT_UINT16";
    case Datatype::kUint32:
      return "DT_UINT32";
    case Datatype::kUint64:
      return "DT_UINT64";
    case Datatype::kInt8:
      return "DT_INT8";
    case Datatype::kInt16:
      return "DT_INT16";
    case Datatype::kInt32:
      return "DT_INT32";
    case Datatype::kInt64:
      return "DT_INT64";
    case Datatype::kFp16:
      return "DT_HALF";
    case Datatype::kBf16:
      return "DT_BFLOAT16";
    case Datatype::kFp32:
      return "DT_FLOAT";
    case Datatype::kFp64:
      return "DT_DOUBLE";
    case Datatype::kBytes:
      return "DT_STRING";
  }
  return "DT_INVALID";
}

Json tensor_infos(const std::vector<serving::TensorSpec>& specs) {
  auto infos = Json::object();
  for (const auto& spec : specs) {
    auto dims = Json::array();
    for (auto extent : spec.shape) dims.push_back({{"size", std::to_string(extent)}, {"name", ""}});
    infos[spec.name] = {{"dtype", dtype_of(spec.datatype)},
                        {"tensor_shape", {{"dim", std::move(dims)}, {"unknown_rank", false}}},
                        {"name", spec.name}};
  }
  return infos;
}

Result<Json> model_metadata(const Endpoints& endpoints, const Request& request) {
  auto target = target_of(request);
  auto status = TRY(endpoints.find(target.name));
  auto version = TRY(wanted_version(status, target));
  if (!status.version) return unavailable("model {} is not ready: {}", status.spec.name, status.problem);
  Json signature{{"inputs", tensor_infos(status.inputs)},
                 {"outputs", tensor_infos(status.outputs)},
                 {"method_name", "tensorflow/serving/predict"}};
  return Json{{"model_spec",
               {{"name", status.spec.name},
                {"signature_name", ""},
                {"version", std::to_string(version.value_or(*status.version))}}},
              {"metadata", {{"signature_def", {{"signature_def", {{kSignature, std::move(signature)}}}}}}}};
}

Json model_list(const Endpoints& endpoints) { return {{"models", endpoints.names()}}; }

}  // namespace

void add_predict_v1_routes(net::Router& router, const ServingServices& services) {
  auto& endpoints = services.endpoints;
  auto post = [&endpoints](const Request& request, net::Reply reply) {
    answer_post(endpoints, request, std::move(reply));
  };
  auto status = [&endpoints](const Request& request) { return oip_answer(model_status(endpoints, request)); };
  auto metadata = [&endpoints](const Request& request) { return oip_answer(model_metadata(endpoints, request)); };
  router.add("GET", "/v1/models", Access::kPredict,
             [&endpoints](const Request&) { return answer(model_list(endpoints)); });
  router.add_deferred("POST", "/v1/models/{name}", Access::kPredict, post, kBodyLimit);
  router.add_deferred("POST", "/v1/models/{name}/versions/{version}", Access::kPredict, post, kBodyLimit);
  router.add_deferred("POST", "/v1/models/{name}/labels/{label}", Access::kPredict, post, kBodyLimit);
  router.add("GET", "/v1/models/{name}", Access::kPredict, status);
  router.add("GET", "/v1/models/{name}/versions/{version}", Access::kPredict, status);
  router.add("GET", "/v1/models/{name}/labels/{label}", Access::kPredict, status);
  router.add("GET", "/v1/models/{name}/metadata", Access::kPredict, metadata);
  router.add("GET", "/v1/models/{name}/versions/{version}/metadata", Access::kPredict, metadata);
  router.add("GET", "/v1/models/{name}/labels/{label}/metadata", Access::kPredict, metadata);
}

}  // namespace millrace::api
