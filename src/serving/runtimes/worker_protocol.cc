#include "serving/runtimes/worker_protocol.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace millrace::serving {
namespace {

constexpr std::size_t kMostHeaderBytes = std::size_t{16} << 20;
constexpr std::size_t kMostTensorBytes = std::size_t{1} << 30;
constexpr std::string_view kHandshake = "MILLRACE-WORKER ";
constexpr std::array kCodes = {Code::kInvalidArgument, Code::kResourceExhausted, Code::kFailedPrecondition,
                               Code::kUnimplemented};

Code code_named(std::string_view name) {
  const auto* found = std::ranges::find(kCodes, name, code_name);
  return found == kCodes.end() ? Code::kInternal : *found;
}

// Members of what a worker sent, which may be anything.
Result<std::string> text_of(const Json& object, std::string_view key) {
  if (!object.is_object() || !object.contains(key) || !object[key].is_string()) {
    return data_loss("the Python worker's message has no text \"{}\"", key);
  }
  return object[key].get<std::string>();
}

Result<std::int64_t> number_of(const Json& object, std::string_view key) {
  if (!object.contains(key) || !object[key].is_number_integer()) {
    return data_loss("the Python worker's message has no number \"{}\"", key);
  }
  return object[key].get<std::int64_t>();
}

Result<std::span<const Json>> list_of(const Json& object, std::string_view key) {
  if (!object.contains(key)) return std::span<const Json>();
  if (!object[key].is_array()) return data_loss("the Python worker's \"{}\" is no list", key);
  return std::span<const Json>(object[key].get_ref<const Json::array_t&>());
}

Result<std::vector<std::int64_t>> shape_of(const Json& object) {
  std::vector<std::int64_t> shape;
  for (const Json& extent : TRY(list_of(object, "shape"))) {
    if (!extent.is_number_integer()) return data_loss("the Python worker sent a shape that is not of whole numbers");
    shape.push_back(extent.get<std::int64_t>());
  }
  return shape;
}

Result<TensorSpec> spec_of(const Json& object) {
  TensorSpec spec{.name = TRY(text_of(object, "name"))};
  const std::string datatype = TRY(text_of(object, "datatype"));
  if (!from_text(datatype, spec.datatype)) return data_loss("the Python worker sent the datatype {}", datatype);
  spec.shape = TRY(shape_of(object));
  spec.optional = object.contains("optional") && object["optional"] == true;
  return spec;
}

Result<std::vector<TensorSpec>> specs_of(const Json& header, std::string_view key) {
  std::vector<TensorSpec> specs;
  for (const Json& object : TRY(list_of(header, key))) specs.push_back(TRY(spec_of(object)));
  return specs;
}

// Each element is preceded by its length.
Result<std::vector<std::string>> read_texts(std::span<const std::byte> data, std::size_t count) {
  std::vector<std::string> texts;
  while (!data.empty()) {
    if (data.size() < sizeof(std::uint32_t)) return data_loss("the Python worker sent a text without its length");
    const auto size = element<std::uint32_t>(data, 0);
    data = data.subspan(sizeof size);
    if (size > data.size()) return data_loss("the Python worker sent a text of {} bytes in {}", size, data.size());
    texts.emplace_back(reinterpret_cast<const char*>(data.data()), size);
    data = data.subspan(size);
  }
  if (texts.size() != count) return data_loss("the Python worker sent {} texts instead of {}", texts.size(), count);
  return texts;
}

Result<Tensor> read_tensor(const Json& object, std::span<const std::byte>& rest) {
  TensorSpec spec = TRY(spec_of(object));
  const auto size = TRY(number_of(object, "size"));
  const auto count = elements_of(spec.shape);
  if (!count) return data_loss("the Python worker sent \"{}\" of the shape {}", spec.name, shape_text(spec.shape));
  if (size < 0 || static_cast<std::size_t>(size) > rest.size()) {
    return data_loss("the Python worker sent {} bytes for \"{}\", which has {}", rest.size(), spec.name, size);
  }
  const auto data = rest.first(static_cast<std::size_t>(size));
  rest = rest.subspan(data.size());
  Tensor tensor{.name = std::move(spec.name), .datatype = spec.datatype, .shape = std::move(spec.shape)};
  if (tensor.datatype == Datatype::kBytes) {
    tensor.texts = TRY(read_texts(data, *count));
    return tensor;
  }
  if (data.size() != *count * width_of(tensor.datatype)) {
    return data_loss("the Python worker sent {} bytes for \"{}\" of the shape {}", data.size(), tensor.name,
                     shape_text(tensor.shape));
  }
  tensor.data.assign(data.begin(), data.end());
  return tensor;
}

template <typename Number>
void append_number(std::string& out, Number number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

std::size_t bytes_of_tensor(const TensorView& tensor) {
  if (tensor.datatype != Datatype::kBytes) return tensor.data.size();
  std::size_t size = 0;
  for (const auto text : tensor.texts) size += sizeof(std::uint32_t) + text.size();
  return size;
}

void append_tensor(std::string& out, const TensorView& tensor) {
  if (tensor.datatype != Datatype::kBytes) {
    out.append(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size());
    return;
  }
  for (const auto text : tensor.texts) {
    append_number(out, static_cast<std::uint32_t>(text.size()));
    out += text;
  }
}

std::string frame_of(const Json& header, std::span<const TensorView> tensors) {
  const std::string text = dump_json(header);
  std::size_t size = 0;
  for (const auto& tensor : tensors) size += bytes_of_tensor(tensor);
  std::string frame;
  frame.reserve(kPrefixBytes + text.size() + size);
  append_number(frame, static_cast<std::uint32_t>(text.size()));
  append_number(frame, static_cast<std::uint64_t>(size));
  frame += text;
  for (const auto& tensor : tensors) append_tensor(frame, tensor);
  return frame;
}

}  // namespace

Result<FramePrefix> read_prefix(std::span<const std::byte, kPrefixBytes> bytes) {
  const auto header = element<std::uint32_t>(bytes, 0);
  const auto tensors = element<std::uint64_t>(bytes.subspan(sizeof header), 0);
  if (header > kMostHeaderBytes || tensors > kMostTensorBytes) {
    return data_loss("the Python worker sent a frame of {} and {} bytes, which is too long", header, tensors);
  }
  return FramePrefix{header, tensors};
}

Result<WorkerMessage> read_message(std::string_view header, std::span<const std::byte> tensors) {
  const auto document = parse_json(header);
  if (!document) return data_loss("the Python worker sent no JSON: {}", document.error().message);
  WorkerMessage message{.type = TRY(text_of(*document, "type")), .id = TRY(number_of(*document, "id"))};
  message.inputs = TRY(specs_of(*document, "inputs"));
  message.outputs = TRY(specs_of(*document, "outputs"));
  for (const Json& object : TRY(list_of(*document, "tensors"))) {
    message.tensors.push_back(TRY(read_tensor(object, tensors)));
  }
  if (!tensors.empty()) return data_loss("the Python worker sent {} bytes that no tensor has", tensors.size());
  if (message.type != "error") return message;
  message.error = {code_named(TRY(text_of(*document, "code"))), TRY(text_of(*document, "message"))};
  return message;
}

Result<void> check_handshake(std::string_view line) {
  int version = 0;
  if (line.starts_with(kHandshake)) line.remove_prefix(kHandshake.size());
  std::from_chars(line.data(), line.data() + line.size(), version);
  if (version == kWorkerProtocol) return {};
  return failed_precondition("the Python worker began with \"{}\", and not with version {} of the protocol", line,
                             kWorkerProtocol);
}

std::string load_frame(std::int64_t id, const std::filesystem::path& folder, std::int64_t memory_bytes) {
  return frame_of({{"type", "load"}, {"id", id}, {"folder", folder.string()}, {"memory", memory_bytes}}, {});
}

std::string infer_frame(std::int64_t id, std::span<const TensorView> inputs) {
  auto tensors = Json::array();
  for (const auto& input : inputs) {
    if (input.name.empty()) continue;
    tensors.push_back({{"name", input.name},
                       {"datatype", to_text(input.datatype)},
                       {"shape", std::vector<std::int64_t>(input.shape.begin(), input.shape.end())},
                       {"size", bytes_of_tensor(input)}});
  }
  return frame_of({{"type", "infer"}, {"id", id}, {"tensors", std::move(tensors)}}, inputs);
}

std::string ping_frame(std::int64_t id) { return frame_of({{"type", "ping"}, {"id", id}}, {}); }
std::string stop_frame(std::int64_t id) { return frame_of({{"type", "stop"}, {"id", id}}, {}); }

}  // namespace millrace::serving
