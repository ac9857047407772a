#include "cli/lineage_text.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "cli/text.h"

namespace millrace::cli {
namespace {

class TreeWriter {
 public:
  TreeWriter(const Json& graph, Direction direction) {
    bool up = direction == Direction::kUpstream;
    for (const auto& node : member(graph, "nodes")) nodes_[cell(node, "id")] = &node;
    for (const auto& edge : member(graph, "edges"))
      branches_[cell(edge, up ? "to" : "from")].push_back(cell(edge, up ? "from" : "to"));
  }

  void write(const std::string& id, std::size_t depth) {
    bool again = !written_.insert(id).second;
    const auto& next = branches_[id];
    out_ += fmt::format("{:{}}{}{}{}\n", "", depth * 2, id, about(id), again && !next.empty() ? "  (above)" : "");
    if (again) return;
    for (const auto& branch : next)
      if (is_version_before(id, branch))
        write_chain(branch, depth + 1);
      else
        write(branch, depth + 1);
  }

  std::string take() { return std::move(out_); }

 private:
  // Whether both are versions of one dataset: each grew out of the one before.
  static bool is_version_before(const std::string& id, const std::string& branch) {
    auto name = id.substr(0, id.rfind('/') + 1);
    return id.starts_with("dataset:") && branch.starts_with(name) && branch.find('/', name.size()) == std::string::npos;
  }

  // The versions of a dataset in one line, up to where something else comes in.
  void write_chain(const std::string& first, std::size_t depth) {
    std::vector<std::string> chain{first};
    for (auto next = branches_[first];
         chain.size() <= branches_.size() && next.size() == 1 && is_version_before(chain.back(), next.front());
         next = branches_[chain.back()])
      chain.push_back(next.front());
    if (chain.size() < 3 || written_.contains(first)) return write(first, depth);
    out_ += fmt::format("{:{}}{} to {}: {} versions\n", "", depth * 2, first, chain.back(), chain.size());
    written_.insert(chain.begin(), chain.end());
    for (const auto& branch : branches_[chain.back()]) write(branch, depth + 1);
  }

  // What the node's id does not say.
  std::string about(const std::string& id) const {
    auto found = nodes_.find(id);
    if (found == nodes_.end()) return {};
    auto name = cell_or_empty(*found->second, "name");
    auto time = short_time(*found->second, "event_time");
    return fmt::format("{}{}", name.empty() || id.contains(name) ? "" : "  " + name, time == "-" ? "" : "  " + time);
  }

  std::map<std::string, const Json*> nodes_;
  std::map<std::string, std::vector<std::string>> branches_;
  std::set<std::string> written_;
  std::string out_;
};

}  // namespace

std::string lineage_text(const Json& graph, const std::string& root, Direction direction) {
  TreeWriter writer(graph, direction);
  writer.write(root, 0);
  auto text = writer.take();
  if (member(graph, "truncated") == true) text += "(there is more beyond what the server answers at once)\n";
  return text;
}

}  // namespace millrace::cli
