#include <fmt/core.h>
#include <simdjson.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/files.h"
#include "cli/cli.h"
#include "cli/credentials.h"

namespace millrace::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kLargestFile = 8 << 20;

struct ApplyArguments {
  std::string folder = ".";
  bool dry_run = false;
};

bool is_hidden(const fs::path& relative) {
  return std::ranges::any_of(
      relative, [](const fs::path& part) { return part.string().starts_with('.') || part == "__pycache__"; });
}

Result<Json> read_project(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return not_found("{} is not a folder", folder.string());
  auto files = Json::array();
  std::vector<fs::path> paths;
  for (auto it = fs::recursive_directory_iterator(folder, error); !error && it != fs::end(it); it.increment(error))
    if (it->is_regular_file() && !is_hidden(it->path().lexically_relative(folder))) paths.push_back(it->path());
  if (error) return internal_error("cannot read {}: {}", folder.string(), error.message());
  std::ranges::sort(paths);
  for (const auto& path : paths) {
    if (fs::file_size(path) > kLargestFile)
      return invalid_argument(
          "{} is larger than {} MiB; a project holds documents, SQL, scripts and small models, not data", path.string(),
          kLargestFile >> 20);
    const auto bytes = TRY(read_file(path));
    Json file{{"path", path.lexically_relative(folder).string()}};
    if (simdjson::validate_utf8(bytes))
      file["text"] = bytes;
    else
      file["base64"] = base64_encode(bytes);
    files.push_back(std::move(file));
  }
  return files;
}

// What a command prints, without its last line end; "" where it fails.
std::string output_of(const std::string& command) {
  std::string out;
  auto* pipe = popen(command.c_str(), "r");
  if (!pipe) return {};
  char buffer[256];
  while (std::fgets(buffer, sizeof buffer, pipe)) out += buffer;
  if (pclose(pipe) != 0) return {};
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

std::string shell_quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

void print_diagnostics(const Json& body) {
  for (const auto& d : body["diagnostics"])
    fmt::print(stderr, "{}:{}:{}: {}\n", d["file"].get<std::string>(), d["line"].get<int>(), d["column"].get<int>(),
               d["message"].get<std::string>());
}

void print_changes(const Json& result) {
  for (const auto& change : result["changes"]) {
    auto word = change["change"].get<std::string>();
    const auto note = change.value("note", "");
    if (word == "unchanged" && note.empty()) continue;
    fmt::print("{:7} {} {}\n", word, change["kind"].get<std::string>(), change["name"].get<std::string>());
    if (!note.empty()) fmt::print("          {}\n", note);
    auto diff = change["diff"].get<std::string>();
    for (std::size_t at = 0; at < diff.size();) {
      auto end = diff.find('\n', at);
      fmt::print("          {}\n", diff.substr(at, end - at));
      at = end + 1;
    }
  }
  if (!result["changed"].get<bool>())
    fmt::print("project {} is as it was (release {})\n", result["project"].get<std::string>(),
               result["release"].get<int>());
  else if (result["dry_run"].get<bool>())
    fmt::print("nothing was applied: this was a dry run\n");
  else
    fmt::print("project {} is at release {}\n", result["project"].get<std::string>(), result["release"].get<int>());
}

Result<void> apply(const ApplyArguments& arguments, Options& options) {
  fs::path folder(arguments.folder);
  auto git = "git -C " + shell_quoted(folder.string());
  Json body{{"files", TRY(read_project(folder))},
            {"commit", output_of(git + " rev-parse HEAD 2>/dev/null")},
            {"dirty", !output_of(git + " status --porcelain -- . 2>/dev/null").empty()},
            {"dry_run", arguments.dry_run}};
  TRY(connect(options));
  auto client = TRY(net::Client::open(options.server, client_options(options)));
  auto text = dump_json(body);
  auto response = TRY(
      client.send({.method = "PUT", .target = "/api/v1/project", .body = text, .timeout = std::chrono::minutes(2)}));
  auto answer = TRY(parse_json(response.body));
  if (answer.contains("diagnostics")) {
    if (options.json)
      fmt::print("{}\n", dump_json(answer));
    else
      print_diagnostics(answer);
  }
  if (response.status >= 300)
    return fail(Code::kFailedPrecondition, "{}", answer["error"]["message"].get<std::string>());
  if (options.json)
    fmt::print("{}\n", dump_json(answer));
  else
    print_changes(answer);
  return {};
}

}  // namespace

void add_apply(CLI::App& app, Options& options) {
  auto* command = app.add_subcommand(
      "apply", "Make the server agree with a project folder: all of it, or nothing where a document is at fault");
  auto arguments = std::make_shared<ApplyArguments>();
  command->add_option("FOLDER", arguments->folder, "The project's folder")->type_name("")->capture_default_str();
  command->add_flag("--dry-run", arguments->dry_run, "Show what would change, and change nothing");
  command->footer(
      "Every *.yaml and *.yml file below the folder is read. Faults are printed as file:line:column: what is wrong.\n"
      "Examples:\n  millrace apply examples/flights --dry-run\n  millrace apply examples/flights");
  command->callback(guarded(options, [arguments, &options] { return apply(*arguments, options); }));
}

}  // namespace millrace::cli
