#include "blob/s3/signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/hash.h"
#include "net/client.h"

namespace millrace::blob {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kUnsigned = "UNSIGNED-PAYLOAD";

// "20130524T000000Z"
std::string amz_date(Timestamp now) {
  using namespace std::chrono;
  const auto since = microseconds(now.us);
  const auto day = floor<days>(since);
  const year_month_day date{sys_days(day)};
  const hh_mm_ss time{floor<seconds>(since - day)};
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count());
}

// What a signature is good for: a day, a region.
std::string scope(std::string_view date, std::string_view region) {
  return fmt::format("{}/{}/s3/aws4_request", date.substr(0, 8), region);
}

std::string signature(std::string_view canonical, std::string_view date, std::string_view region,
                      const Credentials& credentials) {
  const auto text = fmt::format("{}\n{}\n{}\n{}", kAlgorithm, date, scope(date, region), sha256(canonical));
  const auto day_key = hmac_sha256("AWS4" + credentials.secret_key, date.substr(0, 8));
  return to_hex(hmac_sha256(hmac_sha256(hmac_sha256(hmac_sha256(day_key, region), "s3"), "aws4_request"), text));
}

struct SignedHeaders {
  std::string lines;  // "name:value\n", by name
  std::string names;  // "a;b;c"
};

SignedHeaders canonical_headers(Fields headers) {
  std::ranges::sort(headers);
  SignedHeaders out;
  for (const auto& [name, value] : headers) {
    out.lines += fmt::format("{}:{}\n", name, value);
    out.names += (out.names.empty() ? "" : ";") + name;
  }
  return out;
}

std::string canonical_request(const S3Request& request, const SignedHeaders& headers, std::string_view payload) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, request.path, query_text(request.query), headers.lines,
                     headers.names, payload);
}

}  // namespace

std::string query_text(Fields query) {
  for (auto& [name, value] : query) {
    name = net::encode_component(name);
    value = net::encode_component(value);
  }
  std::ranges::sort(query);
  std::string out;
  for (const auto& [name, value] : query) out += fmt::format("{}{}={}", out.empty() ? "" : "&", name, value);
  return out;
}

Fields sign(const S3Request& request, std::string_view host, std::string_view payload_sha256,
            const Credentials& credentials, std::string_view region, Timestamp now) {
  const auto date = amz_date(now);
  Fields added = {{"x-amz-date", date}, {"x-amz-content-sha256", std::string(payload_sha256)}};
  if (!credentials.session_token.empty()) added.emplace_back("x-amz-security-token", credentials.session_token);
  Fields all = request.headers;
  all.insert(all.end(), added.begin(), added.end());
  all.emplace_back("host", host);
  const auto headers = canonical_headers(std::move(all));
  added.emplace_back("authorization", fmt::format("{} Credential={}/{},SignedHeaders={},Signature={}", kAlgorithm,
                                                  credentials.access_key, scope(date, region), headers.names,
                                                  signature(canonical_request(request, headers, payload_sha256), date,
                                                            region, credentials)));
  return added;
}

std::string presign(S3Request request, std::string_view host, Duration lifetime, const Credentials& credentials,
                    std::string_view region, Timestamp now) {
  const auto date = amz_date(now);
  const auto headers = canonical_headers({{"host", std::string(host)}});
  request.query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  request.query.emplace_back("X-Amz-Credential", fmt::format("{}/{}", credentials.access_key, scope(date, region)));
  request.query.emplace_back("X-Amz-Date", date);
  request.query.emplace_back("X-Amz-Expires",
                             std::to_string(std::chrono::duration_cast<std::chrono::seconds>(lifetime).count()));
  request.query.emplace_back("X-Amz-SignedHeaders", headers.names);
  if (!credentials.session_token.empty()) request.query.emplace_back("X-Amz-Security-Token", credentials.session_token);
  const auto proof = signature(canonical_request(request, headers, kUnsigned), date, region, credentials);
  return fmt::format("{}?{}&X-Amz-Signature={}", request.path, query_text(request.query), proof);
}

}  // namespace millrace::blob
