#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"

namespace millrace::serving {

// A registered model as a part of a composition.
struct MemberSpec {
  std::string model;
  std::string alias;                    // the version behind it; empty where `version` says which
  std::optional<std::int64_t> version;  // this one, whatever the aliases do
  double weight = 1;                    // of a mean or a vote
  std::string output;                   // which of its outputs counts; empty: its only one
  std::string of_class;                 // of an output that has a value for each class: this one's; empty: all
  Position at;
};

// How the answers of an ensemble's members become one.
enum class Combine { kMean, kVote, kStacking };
std::string_view to_text(Combine combine);  // "mean", "vote", "stacking"

// Several models that answer as one: an ensemble, whose members all see the request, or a chain, in which each sees
// what the one before it answered.
struct CompositionSpec {
  enum class Kind { kEnsemble, kChain };
  Kind kind = Kind::kEnsemble;
  Combine combine = Combine::kMean;   // of an ensemble
  std::vector<MemberSpec> members;    // at least one; a chain's in the order in which they are asked
  std::optional<MemberSpec> final{};  // of stacking: sees the members' answers

  // Every member, the final one last.
  std::vector<MemberSpec> all() const;
  bool uses(std::string_view model) const;
};
std::string_view to_text(CompositionSpec::Kind kind);  // "ensemble", "chain"

// The values of a document's keys `ensemble` and `chain`; faults go to `diagnostics`.
CompositionSpec parse_ensemble(const Node& node, Diagnostics& diagnostics);
CompositionSpec parse_chain(const std::vector<Node>& list, const Position& at, Diagnostics& diagnostics);

// "churn_xgb@champion", "churn_xgb/3"
std::string place_of(const MemberSpec& member);

}  // namespace millrace::serving
