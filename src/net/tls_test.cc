#include "net/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <thread>

#include "base/files.h"
#include "net/client.h"
#include "net/raw_connection.h"
#include "net/server.h"

namespace millrace::net {
namespace {

using ::testing::HasSubstr;
using namespace std::string_view_literals;

// Its own certificate for one host name and for 127.0.0.1, with its key, as PEM files.
void write_certificate(const TlsFiles& files, const std::string& host) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), &X509_free);
  auto* x509 = certificate.get();
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
  X509_set_pubkey(x509, key.get());
  auto* name = X509_get_subject_name(x509);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(x509, name);
  const auto names = fmt::format("DNS:{},IP:127.0.0.1", host);
  auto* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
  X509_add_ext(x509, extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(x509, key.get(), EVP_sha256());
  const auto write = [](const std::filesystem::path& path, auto put) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> file(BIO_new_file(path.c_str(), "w"), &BIO_free);
    put(file.get());
  };
  write(files.certificate, [&](BIO* file) { PEM_write_bio_X509(file, x509); });
  write(files.key,
        [&](BIO* file) { PEM_write_bio_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
}

class Echoing final : public BodySink {
 public:
  std::expected<void, Response> write(std::string_view piece) override {
    body_ += piece;
    return {};
  }
  Response finish() override { return {.body = std::move(body_)}; }

 private:
  std::string body_;
};

class TextSource final : public BodySource {
 public:
  explicit TextSource(std::string text) : text_(std::move(text)) {}
  std::uint64_t size() const override { return text_.size(); }
  Result<std::size_t> read(std::span<char> into) override {
    const auto count = text_.copy(into.data(), into.size(), at_);
    at_ += count;
    return count;
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

std::string long_text(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * i + i / 7) % 26);
  return text;
}

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() {
    write_certificate(files, "localhost");
    const auto echo = [](const Request& request) { return Response{.body = std::string(request.body)}; };
    router.add("POST", "/echo", echo, Lane::kInline);
    router.add("POST", "/blocking", echo);
    router.add_upload("PUT", "/upload", [](const Request&) -> std::expected<std::unique_ptr<BodySink>, Response> {
      return std::make_unique<Echoing>();
    });
    router.add("GET", "/download", [](const Request&) {
      return Response{.content_type = "text/plain", .source = std::make_shared<TextSource>(long_text(5 << 20))};
    });
    server = MUST(Server::start({.tls = files}, router));
  }
  Result<ClientResponse> post(const std::string& host, const TlsTrust& trust) const {
    auto client = MUST(Client::open(fmt::format("https://{}:{}", host, server->port()), {.trust = trust}));
    return client.send({.method = "POST", .target = "/echo", .body = "hello"});
  }
  TlsTrust own() const { return {.ca_file = files.certificate.string(), .fingerprint = {}}; }

  TemporaryDirectory folder;
  TlsFiles files{folder.path() / "cert.pem", folder.path() / "key.pem"};
  Router router;
  std::unique_ptr<Server> server;
};

TEST_F(TlsTest, BodiesOfAllSizesGoBothWaysOnOneConnection) {
  auto client = MUST(Client::open(fmt::format("https://localhost:{}", server->port()), {.trust = own()}));
  for (const std::size_t size : {0UL, 1UL, 16'384UL, 16'385UL, 100'000UL, 5UL << 20}) {
    const auto body = long_text(size);
    for (const auto* target : {"/echo", "/blocking"}) {
      EXPECT_EQ(MUST(client.send({.method = "POST", .target = target, .body = body})).body, body) << target << size;
    }
    EXPECT_EQ(MUST(client.send({.method = "PUT", .target = "/upload", .body = body})).body, body) << size;
  }
  EXPECT_EQ(MUST(client.get("/download")).body, long_text(5 << 20));
}

TEST_F(TlsTest, ManyConnectionsAtOnce) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      for (int round = 0; round < 20; ++round) {
        auto client = MUST(Client::open(fmt::format("https://localhost:{}", server->port()), {.trust = own()}));
        const auto body = long_text(50'000);
        EXPECT_EQ(MUST(client.send({.method = "POST", .target = "/blocking", .body = body})).body, body);
      }
    });
  }
}

TEST_F(TlsTest, AClientBelievesOnlyWhatItWasToldTo) {
  EXPECT_EQ(MUST(post("127.0.0.1", own())).status, 200);
  const auto stranger = post("localhost", {});
  EXPECT_EQ(stranger.error().code, Code::kUnauthenticated);
  EXPECT_THAT(stranger.error().message, HasSubstr("self-signed certificate"));
  write_certificate(files, "elsewhere");
  server = MUST(Server::start({.tls = files}, router));
  EXPECT_THAT(post("localhost", own()).error().message, HasSubstr("hostname mismatch"));
  const auto print = MUST(fingerprint_of(files.certificate));
  EXPECT_EQ(MUST(post("localhost", {.ca_file = {}, .fingerprint = print})).status, 200);
  EXPECT_EQ(post("localhost", {.ca_file = {}, .fingerprint = std::string(64, '0')}).error().code,
            Code::kUnauthenticated);
}

TEST_F(TlsTest, PlainTextAndNonsenseAreClosed) {
  for (const auto bytes : {"GET / HTTP/1.1\r\nHost: a\r\n\r\n"sv, "\x16\x03\x01\x00\x05hello"sv}) {
    RawConnection raw(server->port());
    raw.send(bytes);
    EXPECT_THAT(raw.receive_all(), ::testing::Not(HasSubstr("HTTP/1.1 200")));
  }
  EXPECT_EQ(MUST(post("localhost", own())).status, 200);
}

TEST_F(TlsTest, AClientThatVanishesInTheHandshakeLeavesNothing) {
  for (int i = 0; i < 20; ++i) {
    RawConnection raw(server->port());
    raw.send("\x16\x03\x01");
    raw.vanish();
  }
  EXPECT_EQ(MUST(post("localhost", own())).status, 200);
}

TEST_F(TlsTest, FilesThatDoNotFitAreNamed) {
  const TlsFiles others{folder.path() / "other.pem", folder.path() / "other_key.pem"};
  write_certificate(others, "localhost");
  EXPECT_THAT(TlsServer::open({files.certificate, others.key}).error().message, HasSubstr("other_key.pem"));
  EXPECT_THAT(TlsServer::open({"nowhere.pem", others.key}).error().message, HasSubstr("nowhere.pem"));
}

}  // namespace
}  // namespace millrace::net
