#include "registry/environment.h"

namespace millrace::registry {

namespace {

constexpr std::size_t kMostPackages = 500;
constexpr std::size_t kLongestPackage = 200;
constexpr std::string_view kSpace = " \t\r";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

}  // namespace

Environment read_environment(std::string_view python_env, std::string_view requirements) {
  Environment environment;
  constexpr std::string_view kPython = "python:";
  while (!python_env.empty()) {
    const auto line = take_line(python_env);
    if (!line.starts_with(kPython)) continue;
    auto version = trimmed(line.substr(kPython.size()));
    while (!version.empty() && (version.front() == '"' || version.front() == '\'')) version.remove_prefix(1);
    while (!version.empty() && (version.back() == '"' || version.back() == '\'')) version.remove_suffix(1);
    environment.python = version.substr(0, kLongestPackage);
  }
  while (!requirements.empty() && environment.packages.size() < kMostPackages) {
    auto line = take_line(requirements);
    line = trimmed(line.substr(0, line.find(" #")));
    if (line.empty() || line.front() == '#' || line.front() == '-') continue;
    environment.packages.emplace_back(line.substr(0, kLongestPackage));
  }
  return environment;
}

}  // namespace millrace::registry
