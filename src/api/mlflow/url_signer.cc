#include "api/mlflow/url_signer.h"

#include <charconv>

#include "base/hash.h"

namespace millrace::api {

namespace {

// Behind a proxy that ends TLS, the client's own scheme.
std::string_view scheme_of(const net::Request& request) {
  return request.header("X-Forwarded-Proto") == "https" ? "https" : "http";
}

}  // namespace

std::string UrlSigner::signature(std::string_view method, std::string_view path, std::string_view expires) const {
  return to_hex(hmac_sha256(secret_, fmt::format("{}\n{}\n{}", method, path, expires)));
}

std::string UrlSigner::sign(const net::Request& request, std::string_view method, std::string_view path,
                            Duration lifetime) const {
  const std::string expires = std::to_string((wall_.now() + lifetime).us / 1'000'000);
  return fmt::format("{}://{}{}?expires={}&signature={}", scheme_of(request), request.header("Host"), path, expires,
                     signature(method, path, expires));
}

Result<void> UrlSigner::check(const net::Request& request, std::string_view path) const {
  const std::string expires = request.query("expires").value_or("");
  const std::string_view method = request.method == "HEAD" ? "GET" : request.method;
  if (!same_secret(request.query("signature").value_or(""), signature(method, path, expires))) {
    return fail(Code::kPermissionDenied, "the address is not signed for this");
  }
  std::int64_t seconds = 0;
  std::from_chars(expires.data(), expires.data() + expires.size(), seconds);
  if (wall_.now().us / 1'000'000 >= seconds) return fail(Code::kPermissionDenied, "the signed address has expired");
  return {};
}

}  // namespace millrace::api
