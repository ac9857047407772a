#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/wire.h"

// Writes small ONNX models (onnx.ai, onnx.proto), field by field.
namespace millrace::serving::onnx_file {

inline constexpr std::uint64_t kFloat = 1, kInt64 = 7, kString = 8, kBool = 9;

// An input or output; -1 is an extent that a request decides.
struct Value {
  std::string name;
  std::uint64_t type = kFloat;
  std::vector<std::int64_t> shape;
};

struct Node {
  std::string operation;
  std::vector<std::string> inputs, outputs;
  std::vector<std::string> attributes = {};  // as the functions below make them
  std::string domain = {};
};

struct Graph {
  std::vector<Value> inputs, outputs;
  std::vector<Node> nodes;
  std::vector<std::string> tensors = {};  // as the functions below make them
};

inline std::string dump(const Value& value) {
  std::string shape, type, types, out;
  for (std::int64_t extent : value.shape) {
    std::string dimension;
    if (extent >= 0) append_wire_number(dimension, 1, static_cast<std::uint64_t>(extent));
    if (extent < 0) append_wire(dimension, 2, "n");
    append_wire(shape, 1, dimension);
  }
  append_wire_number(type, 1, value.type);
  append_wire(type, 2, shape);
  append_wire(types, 1, type);
  append_wire(out, 1, value.name);
  append_wire(out, 2, types);
  return out;
}

inline std::string dump(const Node& node) {
  std::string out;
  for (const std::string& name : node.inputs) append_wire(out, 1, name);
  for (const std::string& name : node.outputs) append_wire(out, 2, name);
  append_wire(out, 4, node.operation);
  for (const std::string& attribute : node.attributes) append_wire(out, 5, attribute);
  append_wire(out, 7, node.domain);
  return out;
}

inline std::string dump(const Graph& graph) {
  std::string out;
  for (const Node& node : graph.nodes) append_wire(out, 1, dump(node));
  append_wire(out, 2, "g");
  for (const std::string& tensor : graph.tensors) append_wire(out, 5, tensor);
  for (const Value& value : graph.inputs) append_wire(out, 11, dump(value));
  for (const Value& value : graph.outputs) append_wire(out, 12, dump(value));
  return out;
}

inline std::string model(const Graph& graph) {
  constexpr std::uint64_t kFormat = 8, kOpset = 15, kMlOpset = 1;
  std::string standard, ml, out;
  append_wire(standard, 1, "");
  append_wire_number(standard, 2, kOpset);
  append_wire(ml, 1, "ai.onnx.ml");
  append_wire_number(ml, 2, kMlOpset);
  append_wire_number(out, 1, kFormat);
  append_wire(out, 8, standard);
  append_wire(out, 8, ml);
  append_wire(out, 7, dump(graph));
  return out;
}

inline std::string integers(std::string_view name, const std::vector<std::int64_t>& numbers) {
  constexpr std::uint64_t kIntegers = 7;
  std::string out;
  append_wire(out, 1, name);
  for (std::int64_t number : numbers) append_wire_number(out, 8, static_cast<std::uint64_t>(number));
  append_wire_number(out, 20, kIntegers);
  return out;
}

inline std::string texts(std::string_view name, const std::vector<std::string>& values) {
  constexpr std::uint64_t kStrings = 8;
  std::string out;
  append_wire(out, 1, name);
  for (const std::string& text : values) append_wire(out, 9, text);
  append_wire_number(out, 20, kStrings);
  return out;
}

inline std::string subgraph(std::string_view name, const Graph& graph) {
  constexpr std::uint64_t kGraph = 5;
  std::string out;
  append_wire(out, 1, name);
  append_wire(out, 6, dump(graph));
  append_wire_number(out, 20, kGraph);
  return out;
}

template <typename T>
std::string tensor(std::string_view name, std::uint64_t type, const std::vector<std::int64_t>& shape,
                   const std::vector<T>& values) {
  std::string out;
  for (std::int64_t extent : shape) append_wire_number(out, 1, static_cast<std::uint64_t>(extent));
  append_wire_number(out, 2, type);
  append_wire(out, 8, name);
  append_wire(out, 9, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
  return out;
}

// Floats in a file beside the model.
inline std::string external_tensor(std::string_view name, const std::vector<std::int64_t>& shape,
                                   std::string_view file) {
  constexpr std::uint64_t kExternal = 1;
  std::string location, out;
  append_wire(location, 1, "location");
  append_wire(location, 2, file);
  for (std::int64_t extent : shape) append_wire_number(out, 1, static_cast<std::uint64_t>(extent));
  append_wire_number(out, 2, kFloat);
  append_wire(out, 8, name);
  append_wire(out, 13, location);
  append_wire_number(out, 14, kExternal);
  return out;
}

// One operator over one input, row by row.
inline std::string one_operator(const std::string& operation, std::uint64_t type,
                                const std::vector<std::int64_t>& shape) {
  return model({.inputs = {{"x", type, shape}}, .outputs = {{"y", type, shape}}, .nodes = {{operation, {"x"}, {"y"}}}});
}

// Probabilities that are fed in, and their ZipMap.
inline std::string zip_map(const std::string& labels, std::int64_t classes) {
  const Graph graph{.inputs = {{"p", kFloat, {-1, classes}}},
                    .outputs = {{"scores", kFloat, {}}},
                    .nodes = {{"ZipMap", {"p"}, {"scores"}, {labels}, "ai.onnx.ml"}}};
  return model(graph);
}

inline std::string no_and_yes() { return zip_map(texts("classlabels_strings", {std::string("no"), "yes"}), 2); }

// Counts to `times`, one step after the other.
inline std::string counting_loop(std::int64_t times) {
  const Graph body{.inputs = {{"i", kInt64, {}}, {"go", kBool, {}}, {"sum", kInt64, {1}}},
                   .outputs = {{"go_on", kBool, {}}, {"more", kInt64, {1}}},
                   .nodes = {{"Identity", {"go"}, {"go_on"}}, {"Add", {"sum", "i"}, {"more"}}}};
  const Graph graph{.inputs = {{"x", kInt64, {1}}},
                    .outputs = {{"y", kInt64, {1}}},
                    .nodes = {{"Loop", {"times", "", "x"}, {"y"}, {subgraph("body", body)}}},
                    .tensors = {tensor<std::int64_t>("times", kInt64, {}, {times})}};
  return model(graph);
}

}  // namespace millrace::serving::onnx_file
