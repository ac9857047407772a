#include "api/http/origin.h"

#include <gtest/gtest.h>

#include <vector>

namespace millrace::api {
namespace {

TEST(OriginTest, OnlyNamesOfOursAreAnswered) {
  const std::vector<std::string> none, some{"models.example.com"};
  struct Case {
    std::string name, host;
    HostRules rules;
    bool allowed;
  };
  const HostRules loopback{.on_loopback = true, .also = none};
  const HostRules named{.on_loopback = true, .also = some};
  const HostRules open{.on_loopback = false, .also = none};
  const HostRules strict{.on_loopback = false, .also = some};
  const Case cases[] = {
      {"localhost", "localhost:8080", loopback, true},
      {"its case", "LocalHost", loopback, true},
      {"IPv4", "127.0.0.1:8080", loopback, true},
      {"all of 127", "127.1.2.3", loopback, true},
      {"IPv6", "[::1]:8080", loopback, true},
      {"IPv4 in IPv6", "[::ffff:127.0.0.1]", loopback, true},
      {"a rebound name", "evil.example:8080", loopback, false},
      {"a name that begins alike", "localhost.evil.example", loopback, false},
      {"an address that begins alike", "127.0.0.1.evil.example", loopback, false},
      {"a name that ends alike", "evil-localhost", loopback, false},
      {"a short address", "127.1", loopback, false},
      {"a number", "2130706433", loopback, false},
      {"hexadecimal", "0x7f000001", loopback, false},
      {"another address", "10.0.0.1", loopback, false},
      {"a user part", "localhost@evil.example", loopback, false},
      {"user and port", "localhost:80@evil.example", loopback, false},
      {"a path", "localhost/evil", loopback, false},
      {"no host", ":8080", loopback, false},
      {"nothing", "", loopback, false},
      {"a port that is none", "localhost:99999", loopback, false},
      {"a name that was given", "models.example.com:8080", named, true},
      {"another one", "evil.example", named, false},
      {"any name elsewhere", "host.example", open, true},
      {"but no nonsense", "host example", open, false},
      {"only those given elsewhere", "host.example", strict, false},
      {"and loopback", "localhost", strict, true},
  };
  for (const auto& at : cases) EXPECT_EQ(host_allowed(at.host, at.rules), at.allowed) << at.name;
}

TEST(OriginTest, OnlyPagesOfOursMayChangeThings) {
  const std::vector<std::string> some{"models.example.com"};
  const HostRules rules{.on_loopback = false, .also = some};
  struct Case {
    std::string name, origin, host;
    bool allowed;
  };
  const Case cases[] = {
      {"the same", "http://localhost:8080", "localhost:8080", true},
      {"its case", "http://LOCALHOST:8080", "localhost:8080", true},
      {"the scheme's port", "https://a.example", "a.example", true},
      {"the scheme's port, said", "http://a.example", "a.example:80", true},
      {"another port", "http://localhost:3000", "localhost:8080", false},
      {"another host", "http://evil.example", "localhost:8080", false},
      {"a host that begins alike", "http://localhost:8080.evil.example", "localhost:8080", false},
      {"a user part", "http://localhost:8080@evil.example", "localhost:8080", false},
      {"null", "null", "localhost:8080", false},
      {"a file", "file://", "localhost:8080", false},
      {"one that was given", "https://models.example.com", "localhost:8080", true},
      {"no host to compare", "http://localhost", "", false},
  };
  for (const auto& at : cases) EXPECT_EQ(origin_allowed(at.origin, at.host, rules), at.allowed) << at.name;
}

}  // namespace
}  // namespace millrace::api
