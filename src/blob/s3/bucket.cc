#include "blob/s3/bucket.h"

#include <algorithm>
#include <charconv>
#include <thread>

#include "base/hash.h"
#include "blob/s3/xml.h"

namespace millrace::blob {
namespace {

constexpr int kAttempts = 5;
constexpr auto kFirstPause = std::chrono::milliseconds(100);
constexpr auto kTimeout = std::chrono::minutes(5);

bool may_pass(const Result<net::ClientResponse>& answer) {
  if (!answer) return answer.error().code == Code::kUnavailable || answer.error().code == Code::kDeadlineExceeded;
  return answer->status == 429 || answer->status >= 500;
}

std::unexpected<Error> refused(const net::ClientResponse& answer, std::string_view path) {
  const auto why = fmt::format("S3 answered {} for {}: {}", answer.status, path, error_text(answer.body));
  if (answer.status == 404) return not_found("{}", why);
  if (answer.status == 403 || answer.status == 401) return fail(Code::kPermissionDenied, "{}", why);
  if (answer.status == 412) return fail(Code::kAborted, "{}", why);
  if (answer.status >= 500 || answer.status == 429) return unavailable("{}", why);
  return invalid_argument("{}", why);
}

std::string_view unquoted(std::string_view etag) {
  return etag.size() >= 2 && etag.front() == '"' ? etag.substr(1, etag.size() - 2) : etag;
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

Result<std::unique_ptr<Bucket>> Bucket::open(BucketSettings settings, const Clock& clock) {
  if (settings.bucket.empty()) return invalid_argument("an S3 address needs a bucket: s3://BUCKET/PREFIX");
  if (settings.credentials.access_key.empty() || settings.credentials.secret_key.empty())
    return fail(Code::kUnauthenticated,
                "S3 needs credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the server's environment");
  TRY(net::Client::open(settings.endpoint));
  return std::unique_ptr<Bucket>(new Bucket(std::move(settings), clock));
}

std::string Bucket::host() const {
  const std::string_view url = settings_.endpoint;
  const auto begin = url.find("://") + 3;
  return std::string(url.substr(begin, url.find('/', begin) - begin));
}

std::string Bucket::path_of(std::string_view key) const {
  std::string path = "/" + net::encode_component(settings_.bucket);
  if (key.empty()) return path;
  for (std::size_t begin = 0; begin <= key.size();) {
    const auto end = std::min(key.find('/', begin), key.size());
    path += "/" + net::encode_component(key.substr(begin, end - begin));
    begin = end + 1;
  }
  return path;
}

Result<net::ClientResponse> Bucket::attempt(const net::ClientRequest& request) {
  std::optional<net::Client> client;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      client.emplace(std::move(idle_.back()));
      idle_.pop_back();
    }
  }
  if (!client) client.emplace(TRY(net::Client::open(settings_.endpoint)));
  auto answer = client->send(request);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(*client));
  return answer;
}

// A status below 300 is an answer.
Result<net::ClientResponse> Bucket::send(const S3Request& request, std::string_view body, std::string payload_sha256) {
  const auto payload = payload_sha256.empty() ? sha256(body) : std::move(payload_sha256);
  const auto query = query_text(request.query);
  const auto target = query.empty() ? request.path : request.path + "?" + query;
  Result<net::ClientResponse> answer = unavailable("S3 was not asked");
  auto pause = kFirstPause;
  for (int i = 0; i < kAttempts; ++i, pause *= 3) {
    if (i > 0) std::this_thread::sleep_for(pause);
    auto headers = request.headers;
    for (auto& field : sign(request, host(), payload, settings_.credentials, settings_.region, clock_.now()))
      headers.push_back(std::move(field));
    answer = attempt({.method = request.method,
                      .target = target,
                      .body = body,
                      .content_type = "application/octet-stream",
                      .timeout = kTimeout,
                      .headers = std::move(headers)});
    if (!may_pass(answer)) break;
  }
  if (!answer) return answer;
  if (answer->status >= 300) return refused(*answer, request.path);
  return answer;
}

Result<void> Bucket::put(std::string_view key, std::string_view bytes, std::string_view sha256) {
  S3Request request{.method = "PUT", .path = path_of(key), .query = {}, .headers = {}};
  if (!sha256.empty()) request.headers.emplace_back("x-amz-meta-sha256", sha256);
  TRY(send(request, bytes, std::string(sha256)));
  return {};
}

Result<Object> Bucket::head(std::string_view key) {
  const auto answer = TRY(send({.method = "HEAD", .path = path_of(key), .query = {}, .headers = {}}));
  return Object{.key = std::string(key),
                .size = number(answer.header("content-length")),
                .etag = std::string(unquoted(answer.header("etag"))),
                .sha256 = std::string(answer.header("x-amz-meta-sha256")),
                .modified = {}};
}

Result<std::string> Bucket::get(std::string_view key, std::string_view etag, std::uint64_t offset,
                                std::uint64_t count) {
  if (count == 0) return std::string();
  S3Request request{.method = "GET", .path = path_of(key), .query = {}, .headers = {}};
  request.headers.emplace_back("if-match", fmt::format("\"{}\"", etag));
  request.headers.emplace_back("range", fmt::format("bytes={}-{}", offset, offset + count - 1));
  return TRY(send(request)).body;
}

Result<void> Bucket::remove(std::string_view key) {
  const auto answer = send({.method = "DELETE", .path = path_of(key), .query = {}, .headers = {}});
  if (!answer && answer.error().code != Code::kNotFound) return std::unexpected(answer.error());
  return {};
}

Result<Listing> Bucket::list(const ListRequest& request) {
  Fields query = {{"list-type", "2"}, {"prefix", request.prefix}, {"max-keys", std::to_string(request.most)}};
  if (!request.delimiter.empty()) query.emplace_back("delimiter", request.delimiter);
  if (!request.after.empty()) query.emplace_back("continuation-token", request.after);
  const auto answer = TRY(send({.method = "GET", .path = path_of(""), .query = std::move(query), .headers = {}}));
  return parse_listing(answer.body);
}

Result<void> Bucket::list_all(std::string prefix, const std::function<Result<void>(const Object&)>& visit) {
  ListRequest request{.prefix = std::move(prefix), .delimiter = {}, .after = {}};
  do {
    auto page = TRY(list(request));
    for (const auto& object : page.objects) TRY(visit(object));
    request.after = std::move(page.next);
  } while (!request.after.empty());
  return {};
}

Result<std::string> Bucket::begin_parts(std::string_view key) {
  const auto answer = TRY(send({.method = "POST", .path = path_of(key), .query = {{"uploads", ""}}, .headers = {}}));
  return parse_child(answer.body, "UploadId");
}

Result<std::string> Bucket::put_part(std::string_view key, std::string_view upload, int number,
                                     std::string_view bytes) {
  const auto answer = TRY(send({.method = "PUT",
                                .path = path_of(key),
                                .query = {{"partNumber", std::to_string(number)}, {"uploadId", std::string(upload)}},
                                .headers = {}},
                               bytes));
  return std::string(unquoted(answer.header("etag")));
}

Result<std::string> Bucket::copy_part(std::string_view key, std::string_view upload, int number,
                                      std::string_view from) {
  const auto answer = TRY(send({.method = "PUT",
                                .path = path_of(key),
                                .query = {{"partNumber", std::to_string(number)}, {"uploadId", std::string(upload)}},
                                .headers = {{"x-amz-copy-source", path_of(from)}}}));
  if (is_error(answer.body)) return unavailable("S3 cannot copy {}: {}", from, error_text(answer.body));
  return parse_child(answer.body, "ETag");
}

Result<void> Bucket::complete_parts(std::string_view key, std::string_view upload,
                                    const std::vector<std::string>& etags) {
  const auto answer =
      TRY(send({.method = "POST", .path = path_of(key), .query = {{"uploadId", std::string(upload)}}, .headers = {}},
               completion(etags)));
  if (is_error(answer.body)) return unavailable("S3 cannot complete {}: {}", key, error_text(answer.body));
  return {};
}

Result<void> Bucket::abort_parts(std::string_view key, std::string_view upload) {
  const auto answer =
      send({.method = "DELETE", .path = path_of(key), .query = {{"uploadId", std::string(upload)}}, .headers = {}});
  if (!answer && answer.error().code != Code::kNotFound) return std::unexpected(answer.error());
  return {};
}

std::string Bucket::presigned(std::string_view method, std::string_view key, Duration lifetime) const {
  S3Request request{.method = method, .path = path_of(key), .query = {}, .headers = {}};
  if (method == "GET") request.query.emplace_back("response-content-disposition", "attachment");
  return settings_.endpoint +
         presign(std::move(request), host(), lifetime, settings_.credentials, settings_.region, clock_.now());
}

}  // namespace millrace::blob
