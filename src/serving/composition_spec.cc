#include "serving/composition_spec.h"

#include <algorithm>
#include <cmath>

namespace millrace::serving {
namespace {

constexpr std::size_t kMostMembers = 64;

void check_member(const MemberSpec& member, ObjectReader& reader) {
  if (member.version && *member.version < 1) reader.fault("version", "versions are 1, 2, 3...");
  if (member.version && !member.alias.empty()) reader.fault("version", "a member has an alias or a version, not both");
  if (!std::isfinite(member.weight) || member.weight <= 0) {
    reader.fault("weight",
                 fmt::format("the weight of {} must be above 0 and finite, not {}", member.model, member.weight));
  }
}

enum class Place { kWeighted, kStacked, kStep, kFinal };

// Which keys a member may have is decided by what it is a member of.
MemberSpec read_member(const Node& node, Place place, Diagnostics& diagnostics) {
  ObjectReader reader(node, diagnostics, place == Place::kFinal ? "\"final\"" : "a member");
  MemberSpec member{.at = node.at};
  member.model = reader.required_string("model");
  member.alias = reader.string("alias").value_or("");
  member.version = reader.integer("version");
  if (place == Place::kWeighted) member.weight = reader.number("weight").value_or(1);
  if (place == Place::kWeighted || place == Place::kStacked) {
    member.output = reader.string("output").value_or("");
    member.of_class = reader.string("class").value_or("");
  }
  reader.finish();
  check_member(member, reader);
  if (!member.version && member.alias.empty()) member.alias = "champion";
  return member;
}

void read_members(const std::vector<Node>& list, Place place, CompositionSpec& spec, Diagnostics& diagnostics) {
  for (const Node& node : list) spec.members.push_back(read_member(node, place, diagnostics));
}

void check_weights(const CompositionSpec& spec, ObjectReader& reader) {
  double sum = 0;
  for (const MemberSpec& member : spec.members) sum += member.weight;
  if (!std::isfinite(sum)) reader.fault("of", "the weights are too large to be added");
}

void read_final(ObjectReader& reader, CompositionSpec& spec, Diagnostics& diagnostics) {
  const Node* node = reader.mapping("final");
  const bool stacking = spec.combine == Combine::kStacking;
  if (node != nullptr && !stacking) reader.fault("final", "\"final\" is for \"combine: stacking\" only");
  if (node == nullptr && stacking)
    reader.fault("combine", "stacking needs \"final\", the model that sees the members' answers");
  if (node != nullptr) spec.final = read_member(*node, Place::kFinal, diagnostics);
}

Combine combine_of(std::string_view text) {
  if (text == "vote") return Combine::kVote;
  return text == "stacking" ? Combine::kStacking : Combine::kMean;
}

}  // namespace

std::string_view to_text(Combine combine) {
  switch (combine) {
    case Combine::kMean:
      return "mean";
    case Combine::kVote:
      return "vote";
    case Combine::kStacking:
      return "stacking";
  }
  return "";
}

std::string_view to_text(CompositionSpec::Kind kind) {
  return kind == CompositionSpec::Kind::kChain ? "chain" : "ensemble";
}

std::vector<MemberSpec> CompositionSpec::all() const {
  std::vector<MemberSpec> all = members;
  if (final) all.push_back(*final);
  return all;
}

bool CompositionSpec::uses(std::string_view model) const {
  return std::ranges::find(members, model, &MemberSpec::model) != members.end() || (final && final->model == model);
}

std::string place_of(const MemberSpec& member) {
  return member.version ? fmt::format("{}/{}", member.model, *member.version)
                        : fmt::format("{}@{}", member.model, member.alias);
}

CompositionSpec parse_ensemble(const Node& node, Diagnostics& diagnostics) {
  ObjectReader reader(node, diagnostics, "\"ensemble\"");
  CompositionSpec spec{.kind = CompositionSpec::Kind::kEnsemble};
  spec.combine = combine_of(reader.choice("combine", {"mean", "vote", "stacking"}).value_or("mean"));
  const std::vector<Node>* of = reader.list("of");
  if (of == nullptr || of->empty() || of->size() > kMostMembers) {
    reader.fault("of", fmt::format("an ensemble needs \"of\", a list of 1 to {} members", kMostMembers));
  } else {
    read_members(*of, spec.combine == Combine::kStacking ? Place::kStacked : Place::kWeighted, spec, diagnostics);
  }
  read_final(reader, spec, diagnostics);
  check_weights(spec, reader);
  reader.finish();
  return spec;
}

CompositionSpec parse_chain(const std::vector<Node>& list, const Position& at, Diagnostics& diagnostics) {
  CompositionSpec spec{.kind = CompositionSpec::Kind::kChain};
  if (list.empty() || list.size() > kMostMembers) {
    diagnostics.add(at, fmt::format("a chain is a list of 1 to {} members", kMostMembers));
    return spec;
  }
  read_members(list, Place::kStep, spec, diagnostics);
  return spec;
}

}  // namespace millrace::serving
