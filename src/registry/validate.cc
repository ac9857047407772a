#include "registry/validate.h"

#include <algorithm>
#include <cctype>
#include <string>

namespace millrace::registry {

namespace {

constexpr std::size_t kMaxModelName = 256;
constexpr std::size_t kMaxAlias = 255;
constexpr std::size_t kMaxTagKey = 250;
constexpr std::size_t kMaxTagValue = 100'000;

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

bool is_alias_character(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || byte >= 0x80 || c == '_' || c == '-';
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_blank(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; });
}

bool is_reserved(std::string_view alias) {
  std::string lower(alias);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower == "latest" ||
         (lower.size() > 1 && lower[0] == 'v' && std::all_of(lower.begin() + 1, lower.end(), is_digit));
}

}  // namespace

Result<void> check_model_name(std::string_view name) {
  if (is_blank(name)) return invalid_argument("a registered model needs a name");
  if (name.size() > kMaxModelName) {
    return invalid_argument("model name \"{}...\" is longer than {} bytes", name.substr(0, 40), kMaxModelName);
  }
  if (name == "." || name == ".." || std::ranges::any_of(name, is_control) ||
      name.find_first_of("/:\\") != std::string_view::npos) {
    return invalid_argument("model name \"{}\" may not have slashes, colons or control characters", name);
  }
  return {};
}

Result<void> check_alias(std::string_view alias) {
  if (alias.empty()) return invalid_argument("an alias needs a name");
  if (alias.size() > kMaxAlias) {
    return invalid_argument("alias \"{}...\" is longer than {} bytes", alias.substr(0, 40), kMaxAlias);
  }
  if (!std::ranges::all_of(alias, is_alias_character)) {
    return invalid_argument("alias \"{}\" may only have letters, digits, underscores and dashes", alias);
  }
  if (is_reserved(alias)) return invalid_argument("alias \"{}\" is reserved: it reads as a version", alias);
  return {};
}

Result<void> check_tag(const Tag& tag) {
  if (is_blank(tag.key)) return invalid_argument("a tag needs a key");
  if (tag.key.size() > kMaxTagKey) {
    return invalid_argument("tag key \"{}...\" is longer than {} bytes", tag.key.substr(0, 40), kMaxTagKey);
  }
  if (tag.value.size() > kMaxTagValue) {
    return invalid_argument("the value of tag {} is longer than {} bytes", tag.key, kMaxTagValue);
  }
  return {};
}

}  // namespace millrace::registry
