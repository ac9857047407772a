#include "notify/target.h"

#include <algorithm>
#include <cctype>

namespace millrace::notify {

namespace {

constexpr std::string_view kScheme = "https://";
constexpr std::size_t kLongestName = 63;

bool is_alphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }
bool is_allowed(char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; }

}  // namespace

Result<Target> parse_target(std::string_view url) {
  if (!url.starts_with(kScheme)) {
    const auto colon = url.find(':');
    return invalid_argument("Invalid webhook URL scheme: '{}'. Allowed schemes are: https.",
                            colon == std::string_view::npos ? "" : url.substr(0, colon));
  }
  if (std::ranges::any_of(url, [](unsigned char c) { return c <= ' ' || c == 0x7f; })) {
    return invalid_argument("Invalid webhook URL '{}': it has spaces or control characters", url);
  }
  const auto end = std::min(url.find_first_of("/?#", kScheme.size()), url.size());
  const auto authority = url.substr(kScheme.size(), end - kScheme.size());
  if (authority.find('@') != std::string_view::npos) {
    return invalid_argument("Invalid webhook URL: it may not carry a user or a password");
  }
  auto host = authority.starts_with('[') ? authority.substr(1, authority.find(']') - 1)
                                         : authority.substr(0, authority.find(':'));
  if (host.empty()) return invalid_argument("Webhook URL must include a hostname: '{}'", url);
  auto path = url.substr(end);
  path = path.substr(0, path.find('#'));
  return Target{.origin = std::string(url.substr(0, end)),
                .host = std::string(host),
                .path = path.starts_with('/') ? std::string(path) : fmt::format("/{}", path)};
}

Result<void> check_name(std::string_view name) {
  const bool good = !name.empty() && name.size() <= kLongestName && std::ranges::all_of(name, is_allowed) &&
                    is_alphanumeric(name.front()) && is_alphanumeric(name.back());
  if (good) return {};
  return invalid_argument(
      "Webhook name '{}' is invalid. It must start and end with a letter or digit, be less than 63 characters long, "
      "and "
      "contain only letters, digits, dots (.), underscores (_), and hyphens (-).",
      name);
}

}  // namespace millrace::notify
