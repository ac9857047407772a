#pragma once

#include <memory>
#include <string>

#include "base/files.h"
#include "blob/blob.h"
#include "datasets/datasets.h"
#include "db/db.h"
#include "db/testing.h"
#include "duck/duck.h"
#include "events/event.h"
#include "events/events.h"
#include "lineage/lineage.h"

namespace millrace::datasets {

// All that datasets stand on, in a folder of its own; for tests.
struct TestHome {
  TestHome() { start(); }

  void start() {
    db = db::open_for_test(home());
    blobs = MUST(blob::open_local(home() / "artifacts"));
    duck = MUST(duck::Database::open({.temp_directory = home() / "spill"}));
    lineage = MUST(lineage::Store::open(*db));
    events = MUST(events::Log::open(*db));
    datasets = MUST(Datasets::open(foundation()));
  }

  // As if the process had died and come again.
  void restart() {
    datasets.reset();
    events.reset();
    lineage.reset();
    duck.reset();
    blobs.reset();
    db.reset();
    start();
  }

  Foundation foundation() {
    return {.db = *db,
            .blobs = *blobs,
            .duck = *duck,
            .lineage = *lineage,
            .events = *events,
            .clock = clock,
            .ids = ids,
            .home = home()};
  }

  const std::filesystem::path& home() const { return directory.path(); }

  // The rows of a query, made into the bytes of a Parquet file.
  std::string parquet(const std::string& sql) {
    duck::Connection connection = MUST(duck->connect());
    const auto path = home() / "batch.parquet";
    MUST(connection.execute("copy (" + sql + ") to " + duck::quote_literal(path.string()) + " (format parquet)"));
    return MUST(read_file(path));
  }

  duck::Table query(const std::string& sql) { return MUST(MUST(duck->connect()).query(sql)); }

  TemporaryDirectory directory;
  ManualClock clock{Timestamp{983404'800'000'000}};  // 2001-03-01
  SeededIds ids;
  std::unique_ptr<db::Database> db;
  std::unique_ptr<blob::Store> blobs;
  std::unique_ptr<duck::Database> duck;
  std::unique_ptr<lineage::Store> lineage;
  std::unique_ptr<events::Log> events;
  std::unique_ptr<Datasets> datasets;
};

inline DatasetSpec parse_spec(const std::string& yaml) {
  Diagnostics diagnostics;
  const std::vector<Node> documents = parse_yaml(yaml, "flights.yaml", diagnostics);
  const auto spec = parse_dataset(documents.at(0), diagnostics);
  for (const Diagnostic& fault : diagnostics.list)
    die({Code::kInvalidArgument, format_diagnostic(fault)}, "flights.yaml", 0);
  return *spec;
}

inline const std::string kFlights = R"(
kind: Dataset
name: flights
event_time: date
columns:
  - {name: date, type: timestamp}
  - {name: delay, type: bigint}
  - {name: distance, type: double}
  - {name: origin, type: varchar}
expectations:
  - type: expect_column_values_to_be_between
    kwargs: {column: delay, min_value: -120, max_value: 1440, mostly: 0.5}
    on_failure: quarantine
  - type: expect_column_values_to_match_regex
    kwargs: {column: origin, regex: "^[A-Z]{3}$"}
    on_failure: quarantine
  - type: expect_table_row_count_to_be_between
    kwargs: {max_value: 100000}
  - type: expect_column_mean_to_be_between
    kwargs: {column: delay, min_value: 0, max_value: 5}
    on_failure: warn
)";

}  // namespace millrace::datasets
