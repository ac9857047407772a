#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/cli.h"
#include "cli/print.h"
#include "db/copy.h"

namespace millrace::cli {
namespace {

struct Ends {
  std::string from;
  std::string to;
};

Result<void> copy(const Ends& ends, const Options& options) {
  const auto tables = TRY(db::copy(ends.from, ends.to, db::Source::kHeld));
  Json items = Json::array();
  std::int64_t rows = 0;
  for (const auto& table : tables) {
    items.push_back({{"table", table.name}, {"rows", table.rows}, {"hash", table.hash}});
    rows += table.rows;
  }
  if (options.json) {
    print_json({{"items", std::move(items)}, {"next", nullptr}});
  } else {
    fmt::print("copied {} rows in {} tables, read again and found the same\n", rows, tables.size());
  }
  return {};
}

}  // namespace

void add_db(CLI::App& app, Options& options) {
  auto* noun = add_noun(app, "db", "A server's database, while the server is stopped");
  auto ends = std::make_shared<Ends>();
  auto* verb = add_verb(noun,
                        {.name = "copy",
                         .description = "Copy a whole database into a new one, of the same kind or another",
                         .example = "millrace db copy sqlite:millrace-home/millrace.db "
                                    "postgresql://millrace@db.example/millrace"},
                        options, [ends, &options] { return copy(*ends, options); });
  verb->add_option("FROM", ends->from, "sqlite:FILE or postgresql://USER@HOST:PORT/NAME; no server may use it")
      ->required();
  verb->add_option("TO", ends->to, "The same; it must be empty")->required();
}

}  // namespace millrace::cli
