#include "base/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/suggest.h"

namespace millrace {
namespace {

constexpr std::size_t kMaxDepth = 32;

// Stops yaml-cpp's parser at the first fault that cannot be got over.
struct Stop {};

// Builds Nodes from yaml-cpp's events, which carry positions; the library's own tree drops duplicate keys in silence.
class Builder final : public YAML::EventHandler {
 public:
  Builder(const std::string& file, Diagnostics& diagnostics) : file_(file), diagnostics_(diagnostics) {}
  std::vector<Node> documents;

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(node(Node::Kind::kNull, mark)); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    diagnostics_.add(at(mark), "YAML aliases are not supported; write the value out");
    throw Stop{};
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& value) override {
    auto scalar = node(Node::Kind::kScalar, mark);
    scalar.text = value;
    scalar.quoted = tag == "!";
    if (!scalar.quoted && (value == "~" || value == "null" || value.empty())) scalar.kind = Node::Kind::kNull;
    add(std::move(scalar));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    open(node(Node::Kind::kSequence, mark));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    open(node(Node::Kind::kMapping, mark));
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    std::optional<Node> key;
  };

  Position at(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }
  Node node(Node::Kind kind, const YAML::Mark& mark) const {
    Node out;
    out.kind = kind;
    out.at = at(mark);
    return out;
  }
  void open(Node node) {
    if (stack_.size() >= kMaxDepth) {
      diagnostics_.add(node.at, fmt::format("nested deeper than {} levels", kMaxDepth));
      throw Stop{};
    }
    stack_.push_back({std::move(node), std::nullopt});
  }
  void close() {
    auto node = std::move(stack_.back().node);
    stack_.pop_back();
    add(std::move(node));
  }
  void add(Node node) {
    if (stack_.empty()) return documents.push_back(std::move(node));
    auto& top = stack_.back();
    if (top.node.kind == Node::Kind::kSequence) return top.node.items.push_back(std::move(node));
    if (top.key) {
      top.node.members.emplace_back(std::move(*top.key), std::move(node));
      top.key.reset();
      return;
    }
    add_key(top, std::move(node));
  }
  void add_key(Open& top, Node key) {
    if (key.kind != Node::Kind::kScalar)
      diagnostics_.add(key.at, "a key must be a plain word");
    else if (top.node.find(key.text))
      diagnostics_.add(key.at, fmt::format("key \"{}\" stands here twice", key.text));
    top.key = std::move(key);
  }

  std::string file_;
  Diagnostics& diagnostics_;
  std::vector<Open> stack_;
};

template <typename T>
std::optional<T> number_from(std::string_view text) {
  T value{};
  auto body = text.starts_with('+') ? text.substr(1) : text;
  if (body.find_first_of("0123456789") == std::string_view::npos) return std::nullopt;  // "nan" and "inf" are words
  auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), value);
  if (error != std::errc{} || end != body.data() + body.size() || body.empty()) return std::nullopt;
  return value;
}

std::optional<bool> boolean_from(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return std::nullopt;
}

Json scalar_to_json(const Node& node) {
  if (node.quoted) return node.text;
  if (auto value = number_from<std::int64_t>(node.text)) return *value;
  if (auto value = number_from<double>(node.text)) return *value;
  if (auto value = boolean_from(node.text)) return *value;
  return node.text;
}

std::string_view kind_name(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::kNull:
      return "nothing";
    case Node::Kind::kScalar:
      return "a single value";
    case Node::Kind::kSequence:
      return "a list";
    case Node::Kind::kMapping:
      return "a mapping";
  }
  return "";
}

}  // namespace

std::string format_diagnostic(const Diagnostic& diagnostic) {
  return fmt::format("{}:{}:{}: {}", diagnostic.at.file, diagnostic.at.line, diagnostic.at.column, diagnostic.message);
}

const Node* Node::find(std::string_view key) const {
  for (const auto& [name, value] : members)
    if (name.text == key) return &value;
  return nullptr;
}

Json Node::to_json() const {
  switch (kind) {
    case Kind::kNull:
      return nullptr;
    case Kind::kScalar:
      return scalar_to_json(*this);
    case Kind::kSequence: {
      auto out = Json::array();
      for (const auto& item : items) out.push_back(item.to_json());
      return out;
    }
    case Kind::kMapping: {
      auto out = Json::object();
      for (const auto& [key, value] : members) out[key.text] = value.to_json();
      return out;
    }
  }
  return nullptr;
}

std::vector<Node> parse_yaml(std::string_view text, const std::string& file, Diagnostics& diagnostics) {
  std::istringstream stream{std::string(text)};
  Builder builder(file, diagnostics);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    diagnostics.add({file, error.mark.line + 1, error.mark.column + 1}, error.msg);
  } catch (const Stop&) {
    // the fault is in the diagnostics already
  }
  return std::move(builder.documents);
}

ObjectReader::ObjectReader(const Node& node, Diagnostics& diagnostics, std::string what)
    : node_(node), diagnostics_(diagnostics), what_(std::move(what)) {
  if (node.kind != Node::Kind::kMapping)
    diagnostics_.add(node.at,
                     fmt::format("{} must be a mapping of keys to values, not {}", what_, kind_name(node.kind)));
}

const Node* ObjectReader::take(std::string_view key) {
  known_.emplace_back(key);
  auto* value = node_.find(key);
  return value && value->kind != Node::Kind::kNull ? value : nullptr;
}

std::optional<std::string> ObjectReader::scalar(std::string_view key, std::string_view expected) {
  auto* value = take(key);
  if (!value) return std::nullopt;
  if (value->kind == Node::Kind::kScalar) return value->text;
  diagnostics_.add(value->at, fmt::format("\"{}\" must be {}, not {}", key, expected, kind_name(value->kind)));
  return std::nullopt;
}

std::string ObjectReader::required_string(std::string_view key) {
  auto value = string(key);
  if (!value && !(node_.find(key) && node_.find(key)->kind > Node::Kind::kScalar))
    diagnostics_.add(node_.at, fmt::format("{} needs the key \"{}\"", what_, key));
  if (value && value->empty()) fault(key, fmt::format("\"{}\" must not be empty", key));
  return value.value_or("");
}

std::optional<std::string> ObjectReader::string(std::string_view key) { return scalar(key, "a string"); }

std::optional<std::int64_t> ObjectReader::integer(std::string_view key) {
  auto text = scalar(key, "a whole number");
  if (!text) return std::nullopt;
  auto value = number_from<std::int64_t>(*text);
  if (!value) fault(key, fmt::format("\"{}\" must be a whole number, not \"{}\"", key, *text));
  return value;
}

std::optional<double> ObjectReader::number(std::string_view key) {
  auto text = scalar(key, "a number");
  if (!text) return std::nullopt;
  auto value = number_from<double>(*text);
  if (!value) fault(key, fmt::format("\"{}\" must be a number, not \"{}\"", key, *text));
  return value;
}

std::optional<bool> ObjectReader::boolean(std::string_view key) {
  auto text = scalar(key, "true or false");
  if (!text) return std::nullopt;
  auto value = boolean_from(*text);
  if (!value) fault(key, fmt::format("\"{}\" must be true or false, not \"{}\"", key, *text));
  return value;
}

std::optional<Duration> ObjectReader::duration(std::string_view key) {
  auto text = scalar(key, "a length of time");
  if (!text) return std::nullopt;
  auto value = parse_duration(*text);
  if (!value) return fault(key, value.error().message), std::nullopt;
  return *value;
}

std::optional<Timestamp> ObjectReader::timestamp(std::string_view key) {
  auto text = scalar(key, "a time");
  if (!text) return std::nullopt;
  auto value = parse_time(*text);
  if (!value) return fault(key, value.error().message), std::nullopt;
  return *value;
}

std::vector<std::string> ObjectReader::strings(std::string_view key) {
  auto* value = take(key);
  if (!value) return {};
  if (value->kind == Node::Kind::kScalar) return {value->text};
  if (value->kind != Node::Kind::kSequence) {
    fault(key, fmt::format("\"{}\" must be a list of strings, not {}", key, kind_name(value->kind)));
    return {};
  }
  std::vector<std::string> out;
  for (const auto& item : value->items) {
    if (item.kind == Node::Kind::kScalar)
      out.push_back(item.text);
    else
      diagnostics_.add(item.at, fmt::format("\"{}\" must be a list of strings; this is {}", key, kind_name(item.kind)));
  }
  return out;
}

const std::vector<Node>* ObjectReader::list(std::string_view key) {
  auto* value = take(key);
  if (!value) return nullptr;
  if (value->kind == Node::Kind::kSequence) return &value->items;
  fault(key, fmt::format("\"{}\" must be a list, not {}", key, kind_name(value->kind)));
  return nullptr;
}

const Node* ObjectReader::mapping(std::string_view key) {
  auto* value = take(key);
  if (!value) return nullptr;
  if (value->kind == Node::Kind::kMapping) return value;
  fault(key, fmt::format("\"{}\" must be a mapping, not {}", key, kind_name(value->kind)));
  return nullptr;
}

const Node* ObjectReader::any(std::string_view key) { return take(key); }

std::optional<std::string> ObjectReader::choice(std::string_view key, const std::vector<std::string>& allowed) {
  auto text = scalar(key, "a word");
  if (!text || std::ranges::find(allowed, *text) != allowed.end()) return text;
  fault(key, fmt::format("\"{}\" must be one of {}, not \"{}\"{}", key, fmt::join(allowed, ", "), *text,
                         did_you_mean(*text, allowed)));
  return std::nullopt;
}

Position ObjectReader::at(std::string_view key) const {
  auto* value = node_.find(key);
  return value ? value->at : node_.at;
}

void ObjectReader::fault(std::string_view key, std::string message) { diagnostics_.add(at(key), std::move(message)); }

void ObjectReader::finish() {
  for (const auto& [key, value] : node_.members)
    if (std::ranges::find(known_, key.text) == known_.end())
      diagnostics_.add(key.at, fmt::format("{} has no key \"{}\"{}", what_, key.text, did_you_mean(key.text, known_)));
}

}  // namespace millrace
