#include <fmt/ranges.h>

#include <algorithm>

#include "api/http/coding.h"
#include "api/http/resources.h"
#include "api/http/serving_routes.h"
#include "api/mlflow/error.h"
#include "api/scoring/csv_reader.h"
#include "api/scoring/enforce.h"
#include "api/scoring/json_reader.h"
#include "api/scoring/predictions.h"
#include "base/json_writer.h"
#include "serving/rows.h"
#include "serving/serving.h"

namespace millrace::api {
namespace {

using net::Request;
using net::Response;
using scoring::Schema;
using scoring::Table;
using serving::Contract;
using serving::Endpoints;

constexpr std::size_t kBodyLimit = std::size_t{64} << 20;

// MLflow's error body; `sqlstate` and `error_class` as its scoring server has them.
Response fault(int status, std::string_view code, std::string_view state, std::string_view kind,
               std::string_view text) {
  JsonWriter out;
  out.object([&] {
    out.field("error_code", code);
    out.field("message", text);
    out.field("sqlstate", state);
    out.field("error_class", kind);
  });
  return {.status = status, .body = std::move(out).text()};
}

Response bad_request(int status, std::string_view text) {
  return fault(status, "BAD_REQUEST", "KAM00", "INVALID_PARAMETER_VALUE", text);
}

// A request that cannot be read or scored, one that does not meet the signature, and all else.
Response scoring_error(const Error& error) {
  if (error.code == Code::kInvalidArgument) return bad_request(400, error.message);
  if (error.code == Code::kFailedPrecondition)
    return fault(400, "INVALID_PARAMETER_VALUE", "KAM01", "SCHEMA_ENFORCEMENT_FAILED",
                 fmt::format("Failed to enforce schema: {}", error.message));
  return mlflow::answer(error);
}

Response refused_type(std::string text) {
  return {.status = 415, .content_type = "text/plain", .body = std::move(text)};
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

enum class Format { kJson, kCsv };

// By the Content-Type, whose only parameter may be charset=utf-8.
std::expected<Format, Response> format_of(std::string_view field) {
  auto end = std::min(field.find(';'), field.size());
  auto type = trimmed(field.substr(0, end));
  for (auto rest = field.substr(end); !rest.empty();) {
    rest.remove_prefix(1);
    auto parameter = trimmed(rest.substr(0, rest.find(';')));
    rest.remove_prefix(std::min(rest.find(';'), rest.size()));
    auto name = parameter.substr(0, parameter.find('='));
    if (name != "charset")
      return std::unexpected(refused_type(fmt::format("Unrecognized content type parameters: {}.", name)));
    if (!net::equals_ignoring_case(parameter.substr(std::min(name.size() + 1, parameter.size())), "utf-8"))
      return std::unexpected(refused_type("The scoring server only supports UTF-8"));
  }
  if (type == "application/json") return Format::kJson;
  if (type == "text/csv") return Format::kCsv;
  return std::unexpected(refused_type(
      fmt::format("This predictor only supports the content types application/json and text/csv. Got '{}'.", field)));
}

// Of an endpoint with features the columns that it asks for; none where the model has no signature.
Result<std::optional<Schema>> schema_of(const Contract& contract) {
  if (!contract.signature) return scoring::columns_schema(contract.inputs);
  if (contract.signature->inputs.empty()) return std::nullopt;
  return TRY(scoring::schema_of(contract.signature->inputs));
}

// What a signature lets a request set cannot be set of a model that runs here; other params MLflow ignores, too.
Result<void> check_params(const Contract& contract, const std::vector<std::string>& params) {
  if (!contract.signature || contract.takes_params()) return {};
  for (const auto& param : params)
    if (std::ranges::find(contract.signature->params, param) != contract.signature->params.end())
      return invalid_argument("params: \"{}\" cannot be set; the endpoint's models run with their defaults", param);
  return {};
}

struct Body {
  Format format;
  std::string_view text;
};

struct Asked {
  Table table;
  std::string params;  // a JSON object; empty: none that the model could take
};

Result<Asked> read_asked(const Contract& contract, const std::optional<Schema>& schema, const Body& body) {
  if (body.format == Format::kJson) {
    thread_local scoring::JsonReader reader(scoring::Dialect::kMlflow);
    auto request = TRY(reader.read(body.text));
    TRY(check_params(contract, request.params));
    return Asked{std::move(request.table), contract.takes_params() ? std::move(request.params_text) : ""};
  }
  thread_local scoring::CsvReader reader;
  if (schema && schema->is_tensors()) return invalid_argument("the model takes tensors, which CSV cannot say");
  return Asked{TRY(reader.read(body.text, schema ? &*schema : nullptr)), ""};
}

// The names of those that the signature's inputs are, in its order.
std::vector<std::string> input_names(const Contract& contract) {
  std::vector<std::string> names;
  for (const auto& input : contract.inputs) names.push_back(input.name);
  if (contract.takes_params()) names.pop_back();
  return names;
}

// The same for each row.
void add_params(std::vector<serving::Tensor>& tensors, const std::string& params) {
  if (params.empty()) return;
  const auto rows = tensors.empty() ? 1 : serving::rows_in(tensors.front().shape);
  auto tensor =
      serving::make_tensor(std::string(serving::kParams), serving::Datatype::kBytes, {static_cast<std::int64_t>(rows)});
  tensor.texts.assign(rows, params);
  tensors.push_back(std::move(tensor));
}

// MLflow answers what the model's library does: an array, or, of named outputs, what the input was.
scoring::Layout layout_of(const Contract& contract, const std::optional<Schema>& schema, Table::Form form) {
  if (contract.outputs.size() == 1 && contract.outputs[0].name == serving::kOutput) return scoring::Layout::kArray;
  bool frame = schema ? !schema->is_tensors() : form == Table::Form::kFrame;
  return frame ? scoring::Layout::kRecords : scoring::Layout::kArrays;
}

// What is to be scored, and how the answer is laid out.
struct Invocation {
  std::string endpoint;
  std::vector<serving::Tensor> tensors;
  scoring::Layout layout;
};

Result<Invocation> read_invocation(const Endpoints& endpoints, std::string_view name, const Body& body) {
  const auto shared = TRY(endpoints.contract(name));
  const Contract& contract = *shared;
  auto schema = TRY(schema_of(contract));
  const auto asked = TRY(read_asked(contract, schema, body));
  auto tensors = schema ? TRY(scoring::enforce(asked.table, *schema)) : TRY(scoring::without_schema(asked.table));
  TRY(scoring::give_names(tensors, input_names(contract)));
  add_params(tensors, asked.params);
  return Invocation{contract.name, std::move(tensors), layout_of(contract, schema, asked.table.form)};
}

Response write_answer(const Result<serving::InferAnswer>& scored, scoring::Layout layout,
                      std::optional<Packing> packing) {
  if (!scored) return scoring_error(scored.error());
  Response response{.body = "{\"predictions\": "};
  scoring::append_outputs(response.body, scored->outputs, layout);
  response.body += '}';
  pack_answer(packing, response);
  return response;
}

void invoke(const Endpoints& endpoints, std::string_view name, const Request& request, net::Reply reply) {
  auto format = format_of(request.header("content-type"));
  if (!format) return reply(std::move(format.error()));
  std::string room;
  auto text = unpacked_body(request, kBodyLimit, room);
  if (!text) return reply(bad_request(text.error().status, text.error().message));
  auto asked = read_invocation(endpoints, name, {*format, *text});
  if (!asked) {
    endpoints.note_unread(name, asked.error().code);
    return reply(scoring_error(asked.error()));
  }
  const serving::Views inputs(asked->tensors);
  endpoints.infer(
      asked->endpoint, {.inputs = inputs},
      [layout = asked->layout, packing = packing_of(request), reply = std::move(reply)](
          const Result<serving::InferAnswer>& scored) mutable { reply(write_answer(scored, layout, packing)); });
}

// The endpoint that the request names, or the only one there is.
Result<std::string> chosen_endpoint(const Endpoints& endpoints, const Request& request) {
  if (auto name = request.query("endpoint")) return *name;
  if (auto name = request.header("millrace-endpoint"); !name.empty()) return std::string(name);
  auto names = endpoints.names();
  if (names.size() == 1) return names[0];
  if (names.empty()) return not_found("the server has no endpoint; declare one and apply the project");
  return invalid_argument("the server has the endpoints {}; ask one of them: POST /endpoints/NAME/invocations",
                          fmt::join(names, ", "));
}

// Healthy as /v2/health/ready says it.
Response ping(const std::function<Result<void>()>& ready) {
  if (auto is = ready(); !is) return mlflow::answer(is.error());
  return {.body = "\n"};
}

}  // namespace

void add_invocation_routes(net::Router& router, const ServingServices& services) {
  auto& endpoints = services.endpoints;
  auto named = [&endpoints](const Request& request, net::Reply reply) {
    invoke(endpoints, request.param("name"), request, std::move(reply));
  };
  router.add_deferred(
      "POST", "/invocations", Access::kPredict,
      [&endpoints](const Request& request, net::Reply reply) {
        auto name = chosen_endpoint(endpoints, request);
        if (!name) return reply(scoring_error(name.error()));
        invoke(endpoints, *name, request, std::move(reply));
      },
      kBodyLimit);
  router.add_deferred("POST", "/endpoints/{name}/invocations", Access::kPredict, named, kBodyLimit);
  router.add_deferred("POST", "/serving-endpoints/{name}/invocations", Access::kPredict, named, kBodyLimit);
  router.add(
      "GET", "/ping", Access::kPublic, [ready = services.ready](const Request&) { return ping(ready); },
      net::Lane::kInline);
}

}  // namespace millrace::api
