#pragma once

#include <functional>
#include <string>

#include "base/ids.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/time.h"

namespace millrace {
namespace access {
class Audit;
class Store;
}  // namespace access
namespace blob {
class Store;
}
namespace db {
class Database;
}
namespace duck {
class Database;
}
namespace events {
class Log;
}
namespace lineage {
class Store;
}
namespace datasets {
class Datasets;
}
namespace tracking {
class Assessments;
class EvaluationDatasets;
class LoggedModels;
class Store;
class Traces;
}  // namespace tracking
namespace registry {
class Moves;
class Store;
}  // namespace registry
namespace openlineage {
class Inbox;
class Outbox;
}  // namespace openlineage
namespace notify {
class Webhooks;
}
namespace features {
class Live;
}
namespace pipelines {
class Engine;
}
namespace monitoring {
class Monitors;
}
namespace serving {
class Endpoints;
}
namespace replicas {
class Publisher;
class Roster;
}  // namespace replicas
namespace triggers {
class Triggers;
}
namespace delivery {
class Project;
class Conductor;
class EventClock;
class Gates;
}  // namespace delivery
}  // namespace millrace

namespace millrace::api {

class UrlSigner;  // api/mlflow/url_signer.h

// What the handlers call; all of it outlives the server.
struct Services {
  db::Database& db;
  blob::Store& blobs;
  duck::Database& duck;
  events::Log& events;
  lineage::Store& lineage;
  datasets::Datasets& datasets;
  tracking::Store& tracking;
  tracking::LoggedModels& logged_models;
  tracking::Traces& traces;
  tracking::Assessments& assessments;
  tracking::EvaluationDatasets& evaluation_datasets;
  registry::Store& registry;
  registry::Moves& moves;
  openlineage::Inbox& lineage_inbox;
  openlineage::Outbox& lineage_outbox;
  notify::Webhooks& webhooks;
  features::Live& features;
  pipelines::Engine& pipelines;
  monitoring::Monitors& monitors;
  serving::Endpoints& endpoints;
  replicas::Publisher& publisher;
  replicas::Roster& roster;
  const Clock& wall;  // the machine's
  triggers::Triggers& triggers;
  delivery::Project& project;
  delivery::EventClock& clock;
  delivery::Conductor& conductor;
  delivery::Gates& gates;
  access::Store& access;
  access::Audit& audit;
  metrics::Registry& metrics;
  IdSource& ids;
  const UrlSigner& signer;
  std::string version;  // of Millrace
};

}  // namespace millrace::api
