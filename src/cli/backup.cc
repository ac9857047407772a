#include "app/backup.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/print.h"

namespace millrace::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::string folder;
  std::string home = "millrace-home";
  std::string db;

  app::Place place() const { return {fs::absolute(home), db}; }
};

void add_place(CLI::App* command, Arguments& arguments, const std::string& home, const std::string& db) {
  command->add_option("--home", arguments.home, home)
      ->type_name("DIR")
      ->envname("MILLRACE_HOME")
      ->capture_default_str();
  command->add_option("--db", arguments.db, db)->type_name("URI")->envname("MILLRACE_DB");
}

void print_summary(const Options& options, std::string_view done, const std::string& folder,
                   const app::Manifest& manifest) {
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  for (const auto& table : manifest.tables) rows += table.rows;
  for (const auto& file : manifest.files) bytes += file.bytes;
  if (options.json) {
    return print_json({{"folder", folder},
                       {"made", format_time(manifest.made)},
                       {"version", manifest.version},
                       {"tables", manifest.tables.size()},
                       {"rows", rows},
                       {"files", manifest.files.size()},
                       {"bytes", bytes}});
  }
  fmt::print("{} {}: {} rows in {} tables, {} files of {:.1f} MB\n", done, folder, rows, manifest.tables.size(),
             manifest.files.size(), static_cast<double>(bytes) / 1e6);
}

bool has_webhooks(const app::Manifest& manifest) {
  return std::ranges::any_of(manifest.tables,
                             [](const auto& table) { return table.name == "webhooks" && table.rows > 0; });
}

void print_key_note(const Options& options, const app::Manifest& manifest, std::string_view note) {
  if (!options.json && has_webhooks(manifest)) fmt::print("{}\n", note);
}

}  // namespace

void add_backup(CLI::App& app, Options& options) {
  auto* command = app.add_subcommand("backup", "Copy all that a server keeps into a folder, while it runs");
  auto arguments = std::make_shared<Arguments>();
  command->add_option("FOLDER", arguments->folder, "A new folder");
  add_place(command, *arguments, "The server's home folder", "The server's database, if it is not in the home folder");
  command->footer(
      "Run it on the server's machine, with its --home and --db.\nExamples:\n  millrace backup /backups/monday --home "
      "./millrace-home\n  millrace backup verify /backups/monday\n  millrace restore /backups/monday --home "
      "./new-home");
  auto* verify = command->add_subcommand("verify", "Read a backup again and compare it with its manifest");
  verify->add_option("FOLDER", arguments->folder, "The backup's folder")->required();
  verify->callback(guarded(options, [arguments, &options]() -> Result<void> {
    print_summary(options, "good:", arguments->folder, TRY(app::verify_backup(arguments->folder)));
    return {};
  }));
  command->callback(guarded(options, [command, arguments, &options]() -> Result<void> {
    if (!command->get_subcommands().empty()) return {};
    if (arguments->folder.empty()) throw CLI::RequiredError("FOLDER");
    const WallClock clock;
    const auto manifest = TRY(app::back_up(arguments->place(), fs::absolute(arguments->folder), clock));
    print_summary(options, "backed up to", arguments->folder, manifest);
    print_key_note(options, manifest,
                   "without the key of the webhooks' secrets: keep secret.key of the home folder in another place");
    return {};
  }));
}

void add_restore(CLI::App& app, Options& options) {
  auto* command = app.add_subcommand("restore", "Make a new home folder and a new database of a backup");
  auto arguments = std::make_shared<Arguments>();
  command->add_option("FOLDER", arguments->folder, "The backup's folder")->required();
  add_place(command, *arguments, "The new home folder",
            "The new database; by default a SQLite file in the home folder");
  command->footer(
      "The backup is verified first. A database may be another kind than the one it was backed up from.\nExamples:\n"
      "  millrace restore /backups/monday --home ./new-home\n"
      "  millrace restore /backups/monday --home ./new-home --db postgresql://millrace@db.example/millrace");
  command->callback(guarded(options, [arguments, &options]() -> Result<void> {
    const auto manifest = TRY(app::restore(arguments->folder, arguments->place()));
    print_summary(options, "restored", arguments->folder, manifest);
    print_key_note(
        options, manifest,
        "copy secret.key of the old home folder into the new one before its first start, or set the secrets of "
        "webhooks anew");
    return {};
  }));
}

}  // namespace millrace::cli
