#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace millrace::lineage {

// Something that was made: "dataset:flights/12", "model:delays/3", "output:RUN/STEP/OUTPUT".
struct Artifact {
  std::string id;
  std::string kind;  // "dataset", "model", "output"
  std::string name;
  Json data = Json::object();
};

// Something that was done: "run:ID", "step:RUN/STEP".
struct Execution {
  std::string id;
  std::string kind;  // "run", "step"
  std::string name;
  Timestamp event_time;
  Json data = Json::object();
};

// A node as the graph knows it; what is known only from an edge has its id's first part as kind and an empty name.
struct Node {
  std::string id;
  std::string kind;
  std::string name;
  Timestamp event_time;  // of an execution
  Json data = Json::object();
  int hops = 0;  // from the node that was asked for
};

struct Edge {
  std::string from;  // the cause
  std::string to;    // what came of it

  auto operator<=>(const Edge&) const = default;
};

// Upstream is what something came of, downstream what came of it.
enum class Direction { kUpstream, kDownstream, kBoth };
std::string_view to_text(Direction direction);  // "upstream"
bool from_text(std::string_view text, Direction& direction);

// A part of the graph: nodes by (hops, id), edges by (from, to).
struct Graph {
  std::string root;  // the node that was asked for
  std::vector<Node> nodes;
  std::vector<Edge> edges;
  bool truncated = false;  // there is more beyond the limits
};

Json to_json(const Graph& graph);

}  // namespace millrace::lineage
