#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lineage/graph.h"

namespace millrace::lineage {

// What a person reads of a node.
struct Label {
  std::string kind;                  // "model version"
  std::string name;                  // "delays"
  std::string detail;                // "version 3 · champion"
  std::vector<std::string> tooltip;  // lines: its id, and all that is known of it
};
Label label_of(const Node& node);

// "model version" for "model"; others as they are.
std::string_view kind_name(std::string_view kind);

}  // namespace millrace::lineage
