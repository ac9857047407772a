#include "cli/credentials.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/fd.h"
#include "base/files.h"

namespace millrace::cli {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

fs::path credentials_file() {
  const auto config = variable("XDG_CONFIG_HOME");
  const fs::path folder = config.empty() ? fs::path(variable("HOME")) / ".config" : fs::path(config);
  return folder / "millrace" / "credentials";
}

std::string key_of(std::string server) {
  while (server.ends_with('/')) server.pop_back();
  return server;
}

// {"http://127.0.0.1:8080": "mrt_..."}; empty where there is no such file.
Json read_credentials() {
  const auto text = read_file(credentials_file());
  auto json = text ? parse_json(*text) : Result<Json>(Json::object());
  return json && json->is_object() ? *json : Json::object();
}

// The file that write_file puts in place is made anew, so the folder keeps others out from the beginning.
Result<void> write_credentials(const Json& json) {
  const auto file = credentials_file();
  TRY(make_directories(file.parent_path()));
  ::chmod(file.parent_path().c_str(), 0700);
  TRY(write_file(file, dump_json_pretty(json) + "\n"));
  if (::chmod(file.c_str(), 0600) != 0) return std::unexpected(errno_error("chmod", file));
  return {};
}

// Typed letters are not shown as long as this lives.
class NoEcho {
 public:
  NoEcho() {
    ::tcgetattr(STDIN_FILENO, &before_);
    auto silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~NoEcho() { ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_); }
  NoEcho(const NoEcho&) = delete;
  NoEcho& operator=(const NoEcho&) = delete;

 private:
  termios before_{};
};

Result<std::string> read_line() {
  std::string line;
  if (!std::getline(std::cin, line) || line.empty()) return invalid_argument("no password was given");
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

}  // namespace

net::ClientOptions client_options(const Options& options) {
  auto client = api::client_options_of_environment();
  if (client.bearer.empty()) client.bearer = read_credentials().value(key_of(options.server), "");
  if (!options.ca_file.empty()) client.trust = {.ca_file = options.ca_file, .fingerprint = {}};
  return client;
}

Result<std::string> keep_token(const std::string& server, const std::string& token) {
  auto json = read_credentials();
  json[key_of(server)] = token;
  TRY(write_credentials(json));
  return credentials_file().string();
}

Result<bool> forget_token(const std::string& server) {
  auto json = read_credentials();
  if (json.erase(key_of(server)) == 0) return false;
  TRY(write_credentials(json));
  return true;
}

Result<std::string> ask_password(const std::string& prompt) {
  if (::isatty(STDIN_FILENO) == 0) return read_line();
  fmt::print(stderr, "{}: ", prompt);
  auto line = [] {
    const NoEcho silence;
    return read_line();
  }();
  fmt::print(stderr, "\n");
  return line;
}

}  // namespace millrace::cli
