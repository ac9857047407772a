#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace millrace::events {
class Log;
struct Event;
}  // namespace millrace::events
namespace millrace::lineage {
class Store;
struct Node;
}  // namespace millrace::lineage

namespace millrace::openlineage {

// OpenLineage events (spec 2-0-2) of one event of Millrace's log.
struct Told {
  std::int64_t event = 0;  // the log's
  Json message;
};

// Millrace's own lineage as OpenLineage RunEvents: what the event log says, with inputs and outputs of the lineage
// graph. Nothing is kept: the same events always give the same messages, as long as the graph stays.
//   job ingest.DATASET             a batch became a version, or was refused
//   job PIPELINE, PIPELINE.STEP    pipeline runs and their steps; a step's parent is its run
//   job experiment.EXPERIMENT      MLflow's runs, told when they end
//   job register.MODEL             a version was registered; its parent is the run that made it
// A run's id is the UUID of Millrace's own (message.h: uuid_of).
class Outbox {
 public:
  struct Parts {
    events::Log& events;
    lineage::Store& lineage;
    std::string own_namespace;
    std::string producer;  // a URI
  };
  explicit Outbox(Parts parts) : parts_(std::move(parts)) {}

  struct Page {
    std::vector<Told> messages;
    std::int64_t next = 0;    // the last event that was looked at: where to go on after
    std::int64_t newest = 0;  // event of the log
  };
  // Messages of at most so many events after one.
  Result<Page> list(std::int64_t after, int events) const;

  Result<std::vector<Json>> tell(const events::Event& event) const;

 private:
  struct Run;
  Json message(const Run& run, std::string_view type) const;
  std::vector<Json> started_and(Run run, std::string_view type) const;
  Result<void> add_data(Run& run, const std::string& node) const;
  Json facet(std::string_view name, std::string_view version, Json members) const;
  Json dataset(const lineage::Node& node) const;

  Parts parts_;
};

}  // namespace millrace::openlineage
