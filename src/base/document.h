#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace millrace {

// Where a value stands in a user's file; lines and columns count from 1.
struct Position {
  std::string file;
  int line = 1;
  int column = 1;
};

// A fault in a user's document.
struct Diagnostic {
  Position at;
  std::string message;
};

// "flights.yaml:12:5: unknown key \"expektations\"; did you mean \"expectations\"?"
std::string format_diagnostic(const Diagnostic& diagnostic);

// The faults found so far; a parser goes on after one, so that a user sees them all.
struct Diagnostics {
  std::vector<Diagnostic> list;
  void add(Position at, std::string message) { list.push_back({std::move(at), std::move(message)}); }
  bool empty() const { return list.empty(); }
};

// A YAML value that knows where it stands. Scalars keep their text; what they mean is decided by the reader.
class Node {
 public:
  enum class Kind { kNull, kScalar, kSequence, kMapping };
  struct Member;

  Kind kind = Kind::kNull;
  Position at;
  std::string text;             // of a scalar
  bool quoted = false;          // a quoted or block scalar is always a string
  std::vector<Node> items;      // of a sequence
  std::vector<Member> members;  // of a mapping, in the file's order

  const Node* find(std::string_view key) const;
  // The JSON that YAML's core schema makes of it.
  Json to_json() const;
};

struct Node::Member {
  Node key;
  Node value;
};

// The documents of one YAML file (separated by ---). Faults, duplicate keys and anchors-bombs among them, go to
// `diagnostics`; aliases are refused.
std::vector<Node> parse_yaml(std::string_view text, const std::string& file, Diagnostics& diagnostics);

// Reads a mapping key by key and reports what is missing, of the wrong type or unknown, each at its position.
//
//   ObjectReader reader(node, diagnostics, "Dataset");
//   spec.name = reader.required_string("name");
//   spec.ttl = reader.duration("ttl").value_or(Duration{0});
//   reader.finish();                       // every key not asked for is an unknown key, with the nearest known one
class ObjectReader {
 public:
  // `what` names the object in messages, e.g. "Dataset" or "a step".
  ObjectReader(const Node& node, Diagnostics& diagnostics, std::string what);

  std::string required_string(std::string_view key);
  std::optional<std::string> string(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key);
  std::optional<double> number(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  std::optional<Duration> duration(std::string_view key);
  std::optional<Timestamp> timestamp(std::string_view key);
  std::vector<std::string> strings(std::string_view key);  // a list of strings, or one string
  const std::vector<Node>* list(std::string_view key);     // nullptr where absent
  const Node* mapping(std::string_view key);               // nullptr where absent
  const Node* any(std::string_view key);                   // nullptr where absent
  // One of `allowed`, else a fault that lists them.
  std::optional<std::string> choice(std::string_view key, const std::vector<std::string>& allowed);

  // Where the key's value stands, or the object where the key is absent.
  Position at(std::string_view key) const;
  void fault(std::string_view key, std::string message);
  void finish();

 private:
  const Node* take(std::string_view key);
  std::optional<std::string> scalar(std::string_view key, std::string_view expected);

  const Node& node_;
  Diagnostics& diagnostics_;
  std::string what_;
  std::vector<std::string> known_;
};

}  // namespace millrace
