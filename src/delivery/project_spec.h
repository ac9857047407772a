#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/document.h"
#include "delivery/event_clock.h"

namespace millrace::delivery {

// A `kind: Project` document; a project has exactly one.
struct ProjectSpec {
  std::string name;
  std::string description;
  ClockMode clock = ClockMode::kWall;
  Position at;
};

std::optional<ProjectSpec> parse_project(const Node& document, Diagnostics& diagnostics);
std::string_view project_schema();

// A `kind: Replay` document: how `millrace replay` lets history happen. A client's matter: the server checks it and
// keeps it, and does nothing with it.
struct ReplaySpec {
  std::string name;
  std::string source;  // Parquet, a path in or beside the project
  std::string sql;     // over the table `source`: the rows as they happened, with the columns below
  Timestamp from;
  Timestamp until;
  Timestamp predict_from;                 // requests are made for rows from here on
  Duration step = std::chrono::hours(1);  // how far the event clock moves at once
  std::string batch_dataset;              // rows by the day of `known_at`, at its end
  std::string push_dataset;               // the same rows one by one, as they become known; empty: none
  std::string endpoint;
  std::string id;  // columns of `sql`
  std::string asked_at;
  std::string known_at;
  std::string label;
  std::vector<std::string> inputs;   // columns that a request carries
  std::vector<std::string> columns;  // columns that a batch and a push carry
  Position at;
};

std::optional<ReplaySpec> parse_replay(const Node& document, Diagnostics& diagnostics);
std::string_view replay_schema();

}  // namespace millrace::delivery
