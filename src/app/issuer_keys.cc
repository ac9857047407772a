#include "app/issuer_keys.h"

#include "base/files.h"
#include "net/client.h"

namespace millrace::app {
namespace {

constexpr Duration kTimeout = std::chrono::seconds(10);
constexpr std::size_t kLargest = 1 << 20;

}  // namespace

Result<std::string> fetch_issuer_keys(const std::string& from) {
  if (!from.starts_with("http://") && !from.starts_with("https://")) return read_file(from);
  const auto path = from.find('/', from.find("://") + 3);
  auto client = TRY(net::Client::open(from.substr(0, path)));
  const auto target = path == std::string::npos ? "/" : from.substr(path);
  auto response = TRY(client.send({.method = "GET", .target = target, .timeout = kTimeout}));
  if (response.status != 200) return unavailable("{} answered status {}", from, response.status);
  if (response.body.size() > kLargest) return unavailable("{} is too large", from);
  return std::move(response.body);
}

}  // namespace millrace::app
