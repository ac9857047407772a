#include "net/router.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/result.h"

namespace millrace::net {
namespace {

constexpr std::size_t kMostSegments = 32;

struct PatternPart {
  enum class Kind { kLiteral, kName, kTail } kind = Kind::kLiteral;
  std::string text;
};

PatternPart parse_part(std::string_view text) {
  if (!text.starts_with('{')) return {.text = std::string(text)};
  auto name = text.substr(1, text.size() - 2);
  if (!name.ends_with("...")) return {PatternPart::Kind::kName, std::string(name)};
  name.remove_suffix(3);
  return {PatternPart::Kind::kTail, std::string(name)};
}

// Braces stand around a whole segment, with a name inside.
bool well_formed(std::string_view text) {
  const auto braces = std::ranges::count_if(text, [](char c) { return c == '{' || c == '}'; });
  return braces == 0 || (braces == 2 && text.size() > 2 && text.front() == '{' && text.back() == '}');
}

Result<std::vector<PatternPart>> parse_pattern(std::string_view pattern) {
  if (!pattern.starts_with('/')) return invalid_argument("route pattern \"{}\" does not start with a slash", pattern);
  std::vector<PatternPart> parts;
  for (std::size_t start = 1; start <= pattern.size();) {
    const auto end = std::min(pattern.find('/', start), pattern.size());
    const auto text = pattern.substr(start, end - start);
    start = end + 1;
    if (!well_formed(text)) return invalid_argument("route pattern \"{}\" has a malformed segment", pattern);
    parts.push_back(parse_part(text));
    if (parts.back().kind == PatternPart::Kind::kTail && start <= pattern.size()) {
      return invalid_argument("route pattern \"{}\" goes on after its tail", pattern);
    }
  }
  if (parts.size() > kMostSegments) return invalid_argument("route pattern \"{}\" is too long", pattern);
  return parts;
}

}  // namespace

// One segment of the patterns. Few methods stand on one path, so they are searched in a row.
struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> name;
  std::unique_ptr<Node> tail;
  std::vector<Route*> routes;

  Node& child(const PatternPart& part) {
    auto& slot = part.kind == PatternPart::Kind::kLiteral ? literals[part.text]
                 : part.kind == PatternPart::Kind::kName  ? name
                                                          : tail;
    if (!slot) slot = std::make_unique<Node>();
    return *slot;
  }

  Route* route(std::string_view method) const {
    for (auto* route : routes) {
      if (route->method == method) return route;
    }
    return nullptr;
  }
};

// Walks the tree, literals first, and asks `accept` at each node that the whole path reaches; true stops the walk.
template <typename Accept>
struct Router::Search {
  std::span<const std::string_view> segments;
  Accept accept;
  std::array<std::string_view, kMostSegments> values{};
  std::size_t value_count = 0;

  bool walk(const Node& node, std::size_t at) {
    if (at == segments.size()) return !node.routes.empty() && accept(node);
    if (const auto literal = node.literals.find(segments[at]); literal != node.literals.end()) {
      if (walk(*literal->second, at + 1)) return true;
    }
    if (segments[at].empty()) return false;
    return walk_name(node, at) || walk_tail(node, at);
  }

  bool walk_name(const Node& node, std::size_t at) {
    if (!node.name) return false;
    values[value_count++] = segments[at];
    if (walk(*node.name, at + 1)) return true;
    --value_count;
    return false;
  }

  // Adjacent segments are parted by one slash in the path they point into.
  bool walk_tail(const Node& node, std::size_t at) {
    if (!node.tail) return false;
    const char* end = segments.back().data() + segments.back().size();
    values[value_count++] = {segments[at].data(), static_cast<std::size_t>(end - segments[at].data())};
    if (walk(*node.tail, segments.size())) return true;
    --value_count;
    return false;
  }
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

void Router::add(std::string_view method, std::string_view pattern, Access access, Handler handler, Lane lane,
                 std::size_t body_limit) {
  add_route({.method = std::string(method),
             .pattern = std::string(pattern),
             .access = access,
             .handler = std::move(handler),
             .lane = lane,
             .body_limit = body_limit});
}

void Router::add(std::string_view method, std::string_view pattern, Handler handler, Lane lane,
                 std::size_t body_limit) {
  add(method, pattern, Access::kUndeclared, std::move(handler), lane, body_limit);
}

void Router::add_deferred(std::string_view method, std::string_view pattern, Access access, DeferredHandler handler,
                          std::size_t body_limit) {
  add_route({.method = std::string(method),
             .pattern = std::string(pattern),
             .access = access,
             .lane = Lane::kDeferred,
             .body_limit = body_limit,
             .deferred = std::move(handler)});
}

void Router::add_upload(std::string_view method, std::string_view pattern, Access access, UploadHandler upload) {
  add_route(
      {.method = std::string(method), .pattern = std::string(pattern), .access = access, .upload = std::move(upload)});
}

void Router::add_upload(std::string_view method, std::string_view pattern, UploadHandler upload) {
  add_upload(method, pattern, Access::kUndeclared, std::move(upload));
}

std::vector<std::string> Router::undeclared() const {
  std::vector<std::string> names;
  for (const auto& route : routes_) {
    if (route->access == Access::kUndeclared) names.push_back(fmt::format("{} {}", route->method, route->pattern));
  }
  return names;
}

void Router::add_route(Route added) {
  auto route = std::make_unique<Route>(std::move(added));
  Node* node = root_.get();
  for (const auto& part : MUST(parse_pattern(route->pattern))) {
    node = &node->child(part);
    if (part.kind != PatternPart::Kind::kLiteral) route->param_names.push_back(part.text);
  }
  if (route->param_names.size() > PathParams::kMost) {
    MUST(Result<void>(invalid_argument("route pattern \"{}\" has too many names", route->pattern)));
  }
  if (node->route(route->method) != nullptr) {
    MUST(Result<void>(invalid_argument("route {} {} is added twice", route->method, route->pattern)));
  }
  node->routes.push_back(route.get());
  routes_.push_back(std::move(route));
}

const Route* Router::find(std::string_view method, std::span<const std::string_view> segments,
                          PathParams& params) const {
  params.clear();
  if (segments.size() > kMostSegments) return nullptr;
  const Route* found = nullptr;
  auto accept = [&](const Node& node) {
    found = node.route(method);
    if (found == nullptr && method == "HEAD") found = node.route("GET");
    return found != nullptr;
  };
  Search<decltype(accept)> search{segments, accept};
  if (!search.walk(*root_, 0)) return nullptr;
  for (std::size_t i = 0; i < search.value_count; ++i) params.add(found->param_names[i], search.values[i]);
  return found;
}

std::string Router::allowed(std::span<const std::string_view> segments) const {
  if (segments.size() > kMostSegments) return {};
  std::vector<std::string> methods;
  auto accept = [&](const Node& node) {
    for (const auto* route : node.routes) methods.push_back(route->method);
    return false;
  };
  Search<decltype(accept)> search{segments, accept};
  search.walk(*root_, 0);
  if (methods.empty()) return {};
  methods.emplace_back("OPTIONS");
  if (std::ranges::find(methods, "GET") != methods.end()) methods.emplace_back("HEAD");
  std::ranges::sort(methods);
  methods.erase(std::ranges::unique(methods).begin(), methods.end());
  return fmt::format("{}", fmt::join(methods, ", "));
}

}  // namespace millrace::net
