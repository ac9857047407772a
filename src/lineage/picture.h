#pragma once

#include <string>
#include <string_view>

#include "lineage/graph.h"

namespace millrace::lineage {

inline constexpr std::size_t kMostPictured = 300;

// The graph as an SVG that stands by itself: no script, no address, no font but the reader's; light or dark as the
// reader has it. Causes are left. The root is marked. Runs of versions of a
// dataset are one box (lineage/fold.h). Of more than kMostPictured nodes the nearest are drawn, and it says so. Names
// are cut where they are long, and whole in the tooltips. The same graph gives the same bytes.
std::string picture(const Graph& graph);

// Text that may stand in an SVG, and between the quotes of an attribute: what XML forbids and what turns the direction
// of writing is replaced.
std::string escape_xml(std::string_view text);

// At most so many columns, a wide character being two, with an ellipsis for what is left out.
std::string fit(std::string_view text, std::size_t columns);

}  // namespace millrace::lineage
