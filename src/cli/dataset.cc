#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "cli/text.h"

namespace millrace::cli {
namespace {

constexpr int kVersionsShown = 10;
using Row = std::vector<std::string>;

Result<void> list_datasets(const Options& options) {
  auto client = TRY(connect(options));
  auto page = TRY(client.get("/api/v1/datasets"));
  auto empty = fmt::format("no datasets yet: {}", kDeclareHint);
  print_page(options, page,
             {.columns = {{"NAME"},
                          {"VERSION", Align::kRight},
                          {"ROWS", Align::kRight},
                          {"QUARANTINED", Align::kRight},
                          {"FROM"},
                          {"UNTIL"},
                          {"LOG"}},
              .row =
                  [](const Json& item) {
                    return Row{cell(item, "name"),
                               cell(item, "version"),
                               cell(item, "rows"),
                               cell(item, "quarantined"),
                               short_time(item, "min_event_time"),
                               short_time(item, "max_event_time"),
                               cell(item, "log")};
                  },
              .empty = empty});
  return {};
}

Table versions_table(const Json& versions) {
  return table_of(versions,
                  {{"VERSION", Align::kRight},
                   {"CREATED"},
                   {"BATCH"},
                   {"NEW ROWS", Align::kRight},
                   {"QUARANTINED", Align::kRight},
                   {"ROWS", Align::kRight}},
                  [](const Json& item) {
                    return Row{cell(item, "version"),    short_time(item, "created_event_time"), cell(item, "batch_id"),
                               cell(item, "batch_rows"), cell(item, "batch_quarantined"),        cell(item, "rows")};
                  });
}

void print_dataset(const Json& dataset, const Json& versions) {
  fmt::print("{}", fields_text({{"name", cell(dataset, "name")},
                                {"description", cell_or_empty(dataset, "description")},
                                {"version", cell(dataset, "version")},
                                {"rows", cell(dataset, "rows")},
                                {"quarantined", cell(dataset, "quarantined")},
                                {"event time", cell(dataset, "event_time")},
                                {"from", short_time(dataset, "min_event_time")},
                                {"until", short_time(dataset, "max_event_time")},
                                {"content hash", cell_or_empty(dataset, "content_hash")}}));
  fmt::print("{}",
             section("Columns",
                     table_of(member(dataset, "columns"), {{"NAME"}, {"TYPE"}, {"DESCRIPTION"}}, [](const Json& item) {
                       return Row{cell(item, "name"), cell(item, "type"), cell_or_empty(item, "description")};
                     })));
  fmt::print("{}", section("Expectations",
                           table_of(member(dataset, "expectations"), {{"TYPE"}, {"ARGUMENTS"}},
                                    [](const Json& item) { return Row{cell(item, "type"), cell(item, "kwargs")}; })));
  fmt::print("{}", section("Newest versions", versions_table(versions)));
}

Result<void> show_dataset(const std::string& name, const Options& options) {
  auto client = TRY(connect(options));
  auto dataset = TRY(client.get(api::target("/api/v1/datasets/{}", name)));
  auto versions = TRY(fetch_page(client, api::target("/api/v1/datasets/{}/versions", name), kVersionsShown));
  if (options.json)
    print_json({{"dataset", dataset}, {"versions", versions["items"]}});
  else
    print_dataset(dataset, versions["items"]);
  return {};
}

Result<void> list_versions(const std::string& name, int limit, const Options& options) {
  auto client = TRY(connect(options));
  auto page = TRY(fetch_page(client, api::target("/api/v1/datasets/{}/versions", name), limit));
  if (options.json || member(page, "items").empty()) {
    print_page(options, page,
               {.columns = {}, .row = {}, .empty = "no versions yet: `millrace dataset ingest` brings a first batch"});
    return {};
  }
  fmt::print("{}", versions_table(page["items"]).text());
  return {};
}

Result<void> list_quarantined(const std::string& name, int limit, const Options& options) {
  auto client = TRY(connect(options));
  auto page = TRY(fetch_page(client, api::target("/api/v1/datasets/{}/quarantine", name), limit));
  auto empty = fmt::format("dataset {} has no quarantined rows", name);
  print_page(options, page,
             {.columns = {{"VERSION", Align::kRight}, {"BATCH"}, {"REASON"}, {"ROW"}},
              .row =
                  [](const Json& item) {
                    return Row{cell(item, "version"), cell(item, "batch_id"), cell(item, "reason"), cell(item, "row")};
                  },
              .empty = empty});
  return {};
}

struct IngestArguments {
  std::string name, file, format, batch_id;
};

// By the file's ending where it is not given.
std::string format_of(const IngestArguments& arguments) {
  if (!arguments.format.empty()) return arguments.format;
  auto dot = arguments.file.rfind('.');
  return dot == std::string::npos ? "parquet" : arguments.file.substr(dot + 1);
}

Result<void> ingest(const IngestArguments& arguments, const Options& options) {
  auto body = TRY(read_file(arguments.file));
  auto client = TRY(connect(options));
  auto target = api::target("/api/v1/datasets/{}/batches?format={}", arguments.name, format_of(arguments));
  if (!arguments.batch_id.empty()) target += api::target("&batch_id={}", arguments.batch_id);
  auto result = TRY(client.post_bytes(target, body, "application/octet-stream"));
  if (options.json) return print_json(result), Result<void>{};
  if (member(result, "duplicate") == true)
    fmt::print("dataset {} already has this batch, since version {}\n", arguments.name, cell(result, "version"));
  else
    fmt::print("dataset {} is at version {}: {} new rows, {} quarantined\n", arguments.name, cell(result, "version"),
               cell(result, "rows"), cell(result, "quarantined"));
  return {};
}

void add_ingest(CLI::App* noun, Options& options) {
  auto arguments = std::make_shared<IngestArguments>();
  auto* command = add_verb(noun,
                           {"ingest", "Send a file as a batch: it becomes rows of a new version, or is refused whole",
                            "millrace dataset ingest flights 2001-03-01.parquet --batch-id 2001-03-01"},
                           options, [arguments, &options] { return ingest(*arguments, options); });
  command->add_option("NAME", arguments->name, "The dataset")->required();
  command->add_option("FILE", arguments->file, "A Parquet, CSV, JSON or NDJSON file")->required()->type_name("");
  command->add_option("--format", arguments->format, "parquet, csv, json or ndjson; else by the file's ending")
      ->type_name("FORMAT");
  command->add_option("--batch-id", arguments->batch_id, "A batch with the same id is taken once; else by its content")
      ->type_name("ID");
}

}  // namespace

void add_dataset(CLI::App& app, Options& options) {
  auto* noun = add_noun(app, "dataset", "Named tables and their immutable versions");
  noun->footer(
      "A batch that is ingested makes a new version; one that breaks an expectation is refused, or its rows "
      "quarantined.\n"
      "Examples:\n  millrace dataset list\n  millrace dataset show flights\n  millrace dataset quarantine flights "
      "--limit 5");
  add_verb(noun,
           {"list", "Every dataset with its newest version",
            "millrace dataset list\nmillrace dataset list --json | jq -r '.items[].name'"},
           options, [&options] { return list_datasets(options); });
  auto name = std::make_shared<std::string>();
  auto limit = std::make_shared<int>(50);
  auto* show =
      add_verb(noun, {"show", "One dataset: columns, expectations, newest versions", "millrace dataset show flights"},
               options, [name, &options] { return show_dataset(*name, options); });
  auto* versions = add_verb(
      noun, {"versions", "The versions of a dataset, the newest first", "millrace dataset versions flights --limit 0"},
      options, [name, limit, &options] { return list_versions(*name, *limit, options); });
  auto* quarantine = add_verb(
      noun,
      {"quarantine", "Rows that an expectation kept out, and why", "millrace dataset quarantine flights --limit 5"},
      options, [name, limit, &options] { return list_quarantined(*name, *limit, options); });
  for (auto* command : {show, versions, quarantine}) command->add_option("NAME", *name, "The dataset")->required();
  for (auto* command : {versions, quarantine}) add_limit(command, limit);
  add_ingest(noun, options);
}

}  // namespace millrace::cli
