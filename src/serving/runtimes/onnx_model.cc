#include "serving/runtimes/onnx_model.h"

#include <algorithm>
#include <span>

#include "base/wire.h"

namespace millrace::serving {
namespace {

constexpr int kMostLevels = 100;  // of graphs in nodes in graphs; protobuf's own limit
constexpr std::uint64_t kFloat = 1;

// The fields of onnx.proto that are looked at.
namespace model {
constexpr std::uint32_t kGraph = 7, kOpsets = 8, kTraining = 20, kFunctions = 25;
}
namespace opset {
constexpr std::uint32_t kDomain = 1, kVersion = 2;
}
namespace graph {
constexpr std::uint32_t kNodes = 1, kInitializers = 5, kOutputs = 12, kSparseInitializers = 15;
}
namespace node {
constexpr std::uint32_t kInputs = 1, kOutputs = 2, kOperator = 4, kAttributes = 5, kDomain = 7;
}
namespace attribute {
constexpr std::uint32_t kName = 1, kTensor = 5, kGraph = 6, kIntegers = 8, kStrings = 9, kTensors = 10, kGraphs = 11,
                        kSparse = 22, kSparses = 23;
}
namespace value {
constexpr std::uint32_t kName = 1, kType = 2, kTensorType = 1, kElement = 1, kShape = 2, kExtents = 1, kExtent = 1;
}
namespace tensor {
constexpr std::uint32_t kExternal = 13, kEntryKey = 1, kEntryValue = 2;
}

enum class Message { kModel, kTraining, kFunction, kGraph, kNode, kAttribute, kSparse, kTensor, kExternal };

// Which messages hold which, as far as tensors can be in them.
struct Part {
  Message of;
  std::uint32_t field;
  Message holds;
};
constexpr Part kParts[] = {
    {Message::kModel, model::kGraph, Message::kGraph},
    {Message::kModel, model::kTraining, Message::kTraining},
    {Message::kModel, model::kFunctions, Message::kFunction},
    {Message::kTraining, 1, Message::kGraph},
    {Message::kTraining, 2, Message::kGraph},
    {Message::kFunction, 7, Message::kNode},
    {Message::kFunction, 11, Message::kAttribute},
    {Message::kGraph, graph::kNodes, Message::kNode},
    {Message::kGraph, graph::kInitializers, Message::kTensor},
    {Message::kGraph, graph::kSparseInitializers, Message::kSparse},
    {Message::kNode, node::kAttributes, Message::kAttribute},
    {Message::kAttribute, attribute::kTensor, Message::kTensor},
    {Message::kAttribute, attribute::kGraph, Message::kGraph},
    {Message::kAttribute, attribute::kTensors, Message::kTensor},
    {Message::kAttribute, attribute::kGraphs, Message::kGraph},
    {Message::kAttribute, attribute::kSparse, Message::kSparse},
    {Message::kAttribute, attribute::kSparses, Message::kSparse},
    {Message::kSparse, 1, Message::kTensor},
    {Message::kSparse, 2, Message::kTensor},
    {Message::kTensor, tensor::kExternal, Message::kExternal},
};

Result<void> read_external(std::string_view entry, std::vector<std::string>& files) {
  std::string_view key, file;
  WireReader in(entry);
  while (TRY(in.next())) {
    if (in.field() == tensor::kEntryKey) key = TRY(in.bytes());
    if (in.field() == tensor::kEntryValue) file = TRY(in.bytes());
  }
  if (key == "location" && std::ranges::find(files, file) == files.end()) files.emplace_back(file);
  return {};
}

Result<void> find_external_files(Message kind, std::string_view bytes, int level, std::vector<std::string>& files) {
  if (kind == Message::kExternal) return read_external(bytes, files);
  if (level > kMostLevels) return invalid_argument("its graphs are nested more than {} levels deep", kMostLevels);
  WireReader in(bytes);
  while (TRY(in.next())) {
    const auto part =
        std::ranges::find_if(kParts, [&](const Part& p) { return p.of == kind && p.field == in.field(); });
    if (part != std::end(kParts)) TRY(find_external_files(part->holds, TRY(in.bytes()), level + 1, files));
  }
  return {};
}

struct ZipMap {
  std::string_view input, output;
  std::vector<std::string> labels;
};

// One number, or a packed list of them.
Result<void> read_integers(const WireReader& in, std::vector<std::string>& labels) {
  const auto add = [&](std::uint64_t number) { labels.push_back(std::to_string(static_cast<std::int64_t>(number))); };
  if (in.is_number()) {
    add(TRY(in.number()));
    return {};
  }
  for (std::string_view left = TRY(in.bytes()); !left.empty();) add(TRY(take_varint(left)));
  return {};
}

Result<void> read_labels(std::string_view bytes, std::vector<std::string>& labels) {
  std::string_view name;
  std::vector<std::string> found;
  WireReader in(bytes);
  while (TRY(in.next())) {
    if (in.field() == attribute::kName) name = TRY(in.bytes());
    if (in.field() == attribute::kIntegers) TRY(read_integers(in, found));
    if (in.field() == attribute::kStrings) found.emplace_back(TRY(in.bytes()));
  }
  if (name == "classlabels_int64s" || name == "classlabels_strings") labels = std::move(found);
  return {};
}

// What a node says, where it is a ZipMap; else no labels.
Result<ZipMap> read_zip_map(std::string_view bytes) {
  std::string_view operation, domain;
  ZipMap zip_map;
  WireReader in(bytes);
  while (TRY(in.next())) {
    if (in.field() == node::kInputs) zip_map.input = TRY(in.bytes());
    if (in.field() == node::kOutputs) zip_map.output = TRY(in.bytes());
    if (in.field() == node::kOperator) operation = TRY(in.bytes());
    if (in.field() == node::kDomain) domain = TRY(in.bytes());
  }
  if (operation != "ZipMap" || domain != "ai.onnx.ml") return ZipMap{};
  for (in = WireReader(bytes); TRY(in.next());) {
    if (in.field() == node::kAttributes) TRY(read_labels(TRY(in.bytes()), zip_map.labels));
  }
  return zip_map;
}

std::string identity(const ZipMap& zip_map) {
  std::string out;
  append_wire(out, node::kInputs, zip_map.input);
  append_wire(out, node::kOutputs, zip_map.output);
  append_wire(out, node::kOperator, "Identity");
  return out;
}

// ValueInfoProto of floats, [rows, classes].
std::string matrix(std::string_view name, std::size_t classes) {
  std::string extent, shape, type, types, out;
  append_wire_number(extent, value::kExtent, classes);
  append_wire(shape, value::kExtents, "");
  append_wire(shape, value::kExtents, extent);
  append_wire_number(type, value::kElement, kFloat);
  append_wire(type, value::kShape, shape);
  append_wire(types, value::kTensorType, type);
  append_wire(out, value::kName, name);
  append_wire(out, value::kType, types);
  return out;
}

Result<std::string_view> name_of_value(std::string_view bytes) {
  std::string_view name;
  WireReader in(bytes);
  while (TRY(in.next())) {
    if (in.field() == value::kName) name = TRY(in.bytes());
  }
  return name;
}

// The graph with each ZipMap an Identity, and the outputs of those matrices.
class Unzipped {
 public:
  Result<std::string> graph(std::string_view bytes) {
    std::string out;
    WireReader in(bytes);
    while (TRY(in.next())) {
      if (in.field() == graph::kNodes) TRY(add_node(out, in));
      if (in.field() != graph::kNodes && in.field() != graph::kOutputs) out += in.whole();
    }
    for (in = WireReader(bytes); TRY(in.next());) {  // the nodes are known now, wherever they stood
      if (in.field() == graph::kOutputs) TRY(add_output(out, in));
    }
    return out;
  }

  std::map<std::string, std::vector<std::string>, std::less<>> labels;

 private:
  Result<void> add_node(std::string& out, const WireReader& in) {
    ZipMap zip_map = TRY(read_zip_map(TRY(in.bytes())));
    if (zip_map.labels.empty()) {
      out += in.whole();
      return {};
    }
    append_wire(out, graph::kNodes, identity(zip_map));
    labels[std::string(zip_map.output)] = std::move(zip_map.labels);
    return {};
  }

  Result<void> add_output(std::string& out, const WireReader& in) {
    const std::string_view name = TRY(name_of_value(TRY(in.bytes())));
    const auto found = labels.find(name);
    if (found == labels.end()) {
      out += in.whole();
    } else {
      append_wire(out, graph::kOutputs, matrix(name, found->second.size()));
    }
    return {};
  }
};

Result<bool> has_standard_opset(std::string_view bytes) {
  WireReader in(bytes);
  while (TRY(in.next())) {
    if (in.field() != model::kOpsets) continue;
    std::string_view domain;
    WireReader opset(TRY(in.bytes()));
    while (TRY(opset.next())) {
      if (opset.field() == opset::kDomain) domain = TRY(opset.bytes());
    }
    if (domain.empty() || domain == "ai.onnx") return true;
  }
  return false;
}

// The model with its graph changed. Identity is of the standard operators, which it may not have named.
Result<void> unzip(OnnxModel& read) {
  constexpr std::uint64_t kSomeOpset = 13;
  if (!read.bytes.contains("ZipMap")) return {};  // without copying what may be large
  Unzipped unzipped;
  std::string out;
  WireReader in(read.bytes);
  while (TRY(in.next())) {
    if (in.field() == model::kGraph) append_wire(out, model::kGraph, TRY(unzipped.graph(TRY(in.bytes()))));
    if (in.field() != model::kGraph) out += in.whole();
  }
  if (unzipped.labels.empty()) return {};
  if (!TRY(has_standard_opset(read.bytes))) {
    std::string opset;
    append_wire(opset, opset::kDomain, "");
    append_wire_number(opset, opset::kVersion, kSomeOpset);
    append_wire(out, model::kOpsets, opset);
  }
  read.bytes = std::move(out);
  read.labels = std::move(unzipped.labels);
  return {};
}

Result<OnnxModel> read_model(std::string bytes) {
  OnnxModel read{.bytes = std::move(bytes)};
  TRY(find_external_files(Message::kModel, read.bytes, 0, read.external_files));
  TRY(unzip(read));
  return read;
}

}  // namespace

Result<OnnxModel> read_onnx_model(std::string bytes) {
  auto read = read_model(std::move(bytes));
  if (!read) return std::unexpected(std::move(read.error()).in("not an ONNX model"));
  return read;
}

}  // namespace millrace::serving
