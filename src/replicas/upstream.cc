#include "replicas/upstream.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace millrace::replicas {
namespace {

using std::chrono::duration_cast;
using std::chrono::seconds;

constexpr Duration kSlack = seconds(15);  // beyond what the server was allowed to wait
constexpr Duration kExchange = seconds(5), kFarewell = seconds(1);
constexpr Duration kTransfer = std::chrono::minutes(2);

// The error that the server's body tells, or its status.
std::unexpected<Error> refused(const net::ClientResponse& response) {
  const Code code = response.status == 401   ? Code::kUnauthenticated
                    : response.status == 403 ? Code::kPermissionDenied
                    : response.status == 404 ? Code::kNotFound
                    : response.status < 500  ? Code::kInvalidArgument
                                             : Code::kAborted;
  const auto body = parse_json(response.body);
  const bool told = body && body->is_object() && body->contains("error") && (*body)["error"].is_object() &&
                    (*body)["error"].contains("message") && (*body)["error"]["message"].is_string();
  if (told)
    return fail(code, "the server answered {}: {}", response.status,
                (*body)["error"]["message"].get_ref<const std::string&>());
  return fail(code, "the server answered {}", response.status);
}

Json to_json(const Report& report) {
  return {{"address", report.address},
          {"version", report.version},
          {"generation", report.generation},
          {"draining", report.draining},
          {"problems", report.problems}};
}

std::string target_of(std::string_view replica) { return "/api/v1/replicas/" + net::encode_component(replica); }

}  // namespace

Result<Upstream> Upstream::open(const ServerPlace& place, std::stop_token stop) {
  return Upstream(TRY(net::Client::open(place.url, place.options)), std::move(stop));
}

Result<net::ClientResponse> Upstream::send(net::ClientRequest request) {
  request.stop = stop_;
  auto response = TRY(client_.send(request));
  if (response.status >= 400) return refused(response);
  return response;
}

Result<std::optional<std::string>> Upstream::next_state(const std::string& known, Duration patience) {
  const auto wait = duration_cast<seconds>(patience);
  net::ClientRequest request{.timeout = patience + kSlack};
  const std::string target = fmt::format("/api/v1/serving-state?wait={}", wait.count());
  request.target = target;
  if (!known.empty()) request.headers.emplace_back("If-None-Match", known);
  auto response = TRY(send(request));
  if (response.status == 304) return std::nullopt;
  if (response.status != 200) return refused(response);
  return std::optional(std::move(response.body));
}

Result<std::string> Upstream::callers() {
  return std::move(TRY(send({.target = "/api/v1/serving-state/callers"})).body);
}

Result<std::string> Upstream::read_file(std::string_view sha256, std::uint64_t offset, std::size_t most) {
  const std::string target = fmt::format("/api/v1/serving-state/files/{}", sha256);
  auto response = TRY(send({.target = target,
                            .timeout = kTransfer,
                            .headers = {{"Range", fmt::format("bytes={}-{}", offset, offset + most - 1)}}}));
  const bool is_part = response.status == 206 || (response.status == 200 && offset == 0);
  if (!is_part) return refused(response);
  return std::move(response.body);
}

Result<std::string> Upstream::vectors(std::string_view service, std::string_view body) {
  const std::string target = fmt::format("/api/v1/feature-services/{}/vectors", net::encode_component(service));
  return std::move(TRY(send({.method = "POST", .target = target, .body = body, .timeout = kExchange})).body);
}

Result<void> Upstream::report(const Report& report) {
  const std::string target = target_of(report.name), body = dump_json(to_json(report));
  TRY(send({.method = "PUT", .target = target, .body = body, .timeout = kExchange}));
  return {};
}

Result<void> Upstream::say_goodbye(std::string_view name) {
  const std::string target = target_of(name);
  TRY(send({.method = "DELETE", .target = target, .timeout = kFarewell}));
  return {};
}

Result<std::int64_t> Upstream::send_predictions(std::string_view endpoint, std::string_view rows) {
  const std::string target = fmt::format("/api/v1/endpoints/{}/predictions", net::encode_component(endpoint));
  const auto response = TRY(send({.method = "POST",
                                  .target = target,
                                  .body = rows,
                                  .content_type = "application/octet-stream",
                                  .timeout = kTransfer}));
  const Json body = TRY(parse_json(response.body));
  const bool told = body.is_object() && body.contains("rows") && body["rows"].is_number_integer();
  return told ? body["rows"].get<std::int64_t>() : 0;
}

Duration wait_after(int failures, double chance) {
  constexpr Duration kFirst = std::chrono::milliseconds(200), kLongest = seconds(10);
  const Duration wait = std::min(kLongest, kFirst * (1 << std::clamp(failures - 1, 0, 10)));
  return Duration(static_cast<std::int64_t>(static_cast<double>(wait.count()) * (1 - chance / 2)));
}

}  // namespace millrace::replicas
