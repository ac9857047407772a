#include "lineage/picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <vector>

#include "lineage/fold.h"
#include "lineage/label.h"
#include "lineage/layout.h"

namespace millrace::lineage {

namespace {

constexpr double kMargin = 28;
constexpr double kLegend = 40;
constexpr double kLeastWidth = 560;
constexpr std::size_t kNameColumns = 20;
constexpr std::size_t kDetailColumns = 29;
constexpr std::size_t kTooltipColumns = 300;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Colour {
  std::string_view kind;
  std::string_view light;
  std::string_view dark;
};

// Told apart by people who see colours otherwise, too; the legend and each box say the kind in words.
constexpr Colour kColours[] = {
    {"dataset", "#0b6e99", "#4fb3dc"}, {"job", "#6b5b2e", "#c9b26b"},      {"step", "#5f6b7a", "#9aa7b5"},
    {"output", "#2f7d4f", "#63bd88"},  {"run", "#7048b8", "#b294ec"},      {"logged_model", "#a8436f", "#e88bb2"},
    {"model", "#b3541e", "#f0965a"},   {"endpoint", "#b0323a", "#f07d84"}, {"prediction", "#8a6d00", "#dcbc45"},
    {"file", "#4a6a8a", "#8fb0d0"},    {"other", "#555555", "#aaaaaa"},
};

std::string_view colour_class(std::string_view kind) {
  const auto found = std::ranges::find(kColours, kind, &Colour::kind);
  return found == std::end(kColours) ? "other" : found->kind;
}

// One character of UTF-8 at the front of `text`; none where it is malformed.
struct Character {
  std::uint32_t code = 0;
  std::size_t size = 1;
};
std::optional<Character> character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x80) return Character{byte(0), 1};
  const std::size_t size = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : byte(0) >= 0xc2 ? 2 : 0;
  if (size == 0 || size > text.size() || byte(0) > 0xf4) return std::nullopt;
  std::uint32_t code = byte(0) & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
    code = code << 6 | (byte(i) & 0x3fU);
  }
  return Character{code, size};
}

// What XML cannot hold, and marks that turn the direction of writing.
bool is_unfit(std::uint32_t code) {
  return code < 0x20 || code == 0x7f || (code >= 0x80 && code < 0xa0) || (code >= 0xd800 && code < 0xe000) ||
         code == 0xfffe || code == 0xffff || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
         code == 0x200e || code == 0x200f || code == 0x2028 || code == 0x2029;
}

std::size_t columns_of(std::uint32_t code) {
  const bool wide = (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
                    (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
                    (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) || code >= 0x1f300;
  return wide ? 2 : 1;
}

// Of many nodes the nearest, and the edges between them.
Graph nearest(Graph graph) {
  if (graph.nodes.size() <= kMostPictured) return graph;
  std::ranges::sort(graph.nodes, {}, [](const Node& node) { return std::pair(node.hops, std::string_view(node.id)); });
  graph.nodes.resize(kMostPictured);
  graph.truncated = true;
  std::set<std::string_view> kept;
  for (const Node& node : graph.nodes) kept.insert(node.id);
  std::erase_if(graph.edges, [&](const Edge& edge) { return !kept.contains(edge.from) || !kept.contains(edge.to); });
  return graph;
}

class Painter {
 public:
  explicit Painter(const Graph& graph) : graph_(graph), layout_(lay_out(graph, sizes_)) {
    for (const Node& node : graph.nodes) kinds_.insert(colour_class(node.kind));
  }

  std::string paint() {
    open();
    style();
    print(R"(<rect class="paper" width="100%" height="100%"/>)");
    print(R"svg(<g transform="translate({} {})">)svg", kMargin, kMargin);
    for (const Route& route : layout_.routes) draw(route);
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) draw(graph_.nodes[i], layout_.boxes[i]);
    print("</g>");
    legend();
    print("</svg>");
    return std::move(out_);
  }

 private:
  template <typename... Args>
  void print(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += '\n';
  }

  double width() const { return std::max(layout_.width + 2 * kMargin, kLeastWidth); }
  double height() const { return layout_.height + 2 * kMargin + kLegend; }

  void open() {
    print(
        R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0:.0f}" height="{1:.0f}" viewBox="0 0 {0:.0f} {1:.0f}" role="img" font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif">)",
        width(), height());
    print("<title>Lineage of {}</title>", escape_xml(fit(graph_.root, kTooltipColumns)));
  }

  void style() {
    out_ += "<style>\n";
    out_ += theme({"#ffffff", "#f6f7f9", "#1d232b", "#5c6672", "#d3d9e0", "#a3adb8"}, &Colour::light);
    out_ += "@media (prefers-color-scheme: dark) {\n";
    out_ += theme({"#14181d", "#1f252c", "#e8ecf1", "#9ba6b2", "#37414c", "#66727f"}, &Colour::dark);
    out_ += "}\n</style>\n";
    print(
        R"(<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="head" d="M0 0.8 7 4 0 7.2z"/></marker></defs>)");
  }

  struct Theme {
    std::string_view paper, box, text, faint, border, edge;
  };
  std::string theme(const Theme& theme, std::string_view Colour::* shade) const {
    std::string out = fmt::format(
        ".paper {{fill: {}}} .box {{fill: {}; stroke: {}; stroke-width: 1}} .name {{fill: {}; font-size: 13px; "
        "font-weight: 600}} .detail {{fill: {}; font-size: 11px}} .kind {{font-size: 10px; letter-spacing: .04em}} "
        ".edge {{fill: none; stroke: {}; stroke-width: 1.4}} .head {{fill: {}}} .root {{stroke-width: 2.5}}\n",
        theme.paper, theme.box, theme.border, theme.text, theme.faint, theme.edge, theme.edge);
    for (const Colour& colour : kColours) {
      if (!kinds_.contains(colour.kind)) continue;
      out += fmt::format(".{0} {{fill: {1}}} .root-{0} {{stroke: {1}}}\n", colour.kind, colour.*shade);
    }
    return out;
  }

  // From side to side by curves; straight through the layers between.
  void draw(const Route& route) {
    std::string path;
    for (std::size_t i = 0; i < route.points.size(); ++i) {
      const Point& to = route.points[i];
      if (i == 0) {
        path = fmt::format("M{:.1f} {:.1f}", to.x, to.y);
        continue;
      }
      const Point& from = route.points[i - 1];
      const double half = (to.x - from.x) / 2;
      path += from.y == to.y ? fmt::format("L{:.1f} {:.1f}", to.x, to.y)
                             : fmt::format("C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}", from.x + half, from.y,
                                           to.x - half, to.y, to.x, to.y);
    }
    print(R"svg(<path class="edge" marker-end="url(#arrow)" d="{}"/>)svg", path);
  }

  void draw(const Node& node, const Point& at) {
    const Label label = label_of(node);
    const auto colour = colour_class(node.kind);
    const bool is_root = node.id == graph_.root;
    print(R"svg(<g transform="translate({:.1f} {:.1f})">)svg", at.x, at.y);
    out_ += "<title>";
    for (std::size_t i = 0; i < label.tooltip.size(); ++i) {
      if (i > 0) out_ += '\n';
      out_ += escape_xml(fit(label.tooltip[i], kTooltipColumns));
    }
    out_ += "</title>\n";
    print(R"(<rect class="box{}" width="{}" height="{}" rx="7"/>)", is_root ? fmt::format(" root root-{}", colour) : "",
          sizes_.width, sizes_.height);
    print(R"(<rect class="{}" x="7" y="9" width="4" height="{}" rx="2"/>)", colour, sizes_.height - 18);
    print(R"(<text class="kind {}" x="19" y="16">{}</text>)", colour, escape_xml(fit(label.kind, kDetailColumns)));
    print(R"(<text class="name" x="19" y="31">{}</text>)", escape_xml(fit(label.name, kNameColumns)));
    print(R"(<text class="detail" x="19" y="45">{}</text>)", escape_xml(fit(label.detail, kDetailColumns)));
    print("</g>");
  }

  void legend() {
    double x = kMargin;
    const double y = height() - kMargin;
    for (const Colour& colour : kColours) {
      if (!kinds_.contains(colour.kind)) continue;
      const auto name = kind_name(colour.kind);
      print(R"(<rect class="{}" x="{:.0f}" y="{:.0f}" width="10" height="10" rx="3"/>)", colour.kind, x, y - 9);
      print(R"(<text class="detail" x="{:.0f}" y="{:.0f}">{}</text>)", x + 15, y, name);
      x += 34 + 6.2 * static_cast<double>(name.size());
    }
    if (graph_.truncated) {
      print(R"(<text class="detail" x="{:.0f}" y="{:.0f}">there is more than is drawn</text>)", kMargin, y + 18);
    }
  }

  static constexpr LayoutSizes sizes_{};
  const Graph& graph_;
  const Layout layout_;
  std::set<std::string_view> kinds_;
  std::string out_;
};

}  // namespace

std::string escape_xml(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto next = character(text);
    const std::size_t size = next ? next->size : 1;
    if (!next || is_unfit(next->code)) {
      out += next && (next->code == '\n' || next->code == '\t') ? " " : kReplacement;
    } else if (const auto special = std::string_view("&<>\"'").find(text.front()); special != std::string_view::npos) {
      constexpr std::string_view kNames[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
      out += kNames[special];
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(size);
  }
  return out;
}

std::string fit(std::string_view text, std::size_t columns) {
  std::size_t used = 0;
  std::size_t room = 0;  // bytes that leave a column for the ellipsis
  for (std::size_t at = 0; at < text.size();) {
    const auto next = character(text.substr(at));
    used += next ? columns_of(next->code) : 1;
    if (used > columns) return std::string(text.substr(0, room)) + "…";
    at += next ? next->size : 1;
    if (used < columns) room = at;
  }
  return std::string(text);
}

std::string picture(const Graph& graph) {
  const Graph shown = nearest(fold_versions(graph));
  return Painter(shown).paint();
}

}  // namespace millrace::lineage
