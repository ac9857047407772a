#pragma once

#include <cstddef>
#include <vector>

namespace millrace::search {

// A condition over leaves: as it was written (Comparison) or bound to what is searched (Clause).
template <class Leaf>
struct Tree {
  enum class Kind { kAll, kAny, kNot, kLeaf };

  Kind kind = Kind::kAll;   // kAll of nothing is true
  std::vector<Tree> parts;  // of kAll and kAny any number, of kNot one
  Leaf leaf = {};           // of kLeaf

  bool is_always_true() const { return kind == Kind::kAll && parts.empty(); }
};

// Whether the tree holds where `holds(leaf)` says which leaves do.
template <class Leaf, class Holds>
bool evaluate(const Tree<Leaf>& tree, const Holds& holds) {
  using Kind = Tree<Leaf>::Kind;
  switch (tree.kind) {
    case Kind::kAll:
      for (const auto& part : tree.parts) {
        if (!evaluate(part, holds)) return false;
      }
      return true;
    case Kind::kAny:
      for (const auto& part : tree.parts) {
        if (evaluate(part, holds)) return true;
      }
      return false;
    case Kind::kNot:
      return !evaluate(tree.parts.front(), holds);
    case Kind::kLeaf:
      return holds(tree.leaf);
  }
  return false;
}

// Visits the leaves in the order in which they were written.
template <class Leaf, class Visit>
void for_each_leaf(const Tree<Leaf>& tree, const Visit& visit) {
  if (tree.kind == Tree<Leaf>::Kind::kLeaf) visit(tree.leaf);
  for (const auto& part : tree.parts) for_each_leaf(part, visit);
}

}  // namespace millrace::search
