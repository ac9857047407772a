#include "api/http/oip_request.h"

#include <array>
#include <limits>
#include <span>

#include "base/time.h"

namespace millrace::api {
namespace {

namespace dom = simdjson::dom;
using simdjson::SUCCESS;

enum class Kind { kBool, kInt, kDouble, kBytes };

struct Datatype {
  std::string_view name;
  Kind kind;
  std::int64_t least = 0, most = 0;  // of an integer
};
template <typename T>
constexpr Datatype integer(std::string_view name) {
  constexpr auto most = std::numeric_limits<T>::max();
  return {name, Kind::kInt, std::numeric_limits<T>::min(),
          most > static_cast<T>(INT64_MAX) && sizeof(T) == 8 ? INT64_MAX : static_cast<std::int64_t>(most)};
}
constexpr std::array kDatatypes{
    Datatype{"BYTES", Kind::kBytes},  integer<std::int64_t>("INT64"),   Datatype{"FP32", Kind::kDouble},
    Datatype{"FP64", Kind::kDouble},  integer<std::int32_t>("INT32"),   Datatype{"BOOL", Kind::kBool},
    integer<std::int16_t>("INT16"),   integer<std::int8_t>("INT8"),     integer<std::uint8_t>("UINT8"),
    integer<std::uint16_t>("UINT16"), integer<std::uint32_t>("UINT32"), integer<std::uint64_t>("UINT64")};

constexpr std::size_t kMostInputs = 4096;
constexpr std::int64_t kMostElements = std::int64_t{1} << 26;
constexpr int kDeepest = 8;

const Datatype* find_datatype(std::string_view name) {
  for (const auto& datatype : kDatatypes)
    if (datatype.name == name) return &datatype;
  return nullptr;
}

Result<std::string_view> text_member(dom::element object, std::string_view key, std::string_view what) {
  std::string_view text;
  if (object[key].get(text) != SUCCESS) return invalid_argument("{} needs \"{}\", a string", what, key);
  return text;
}

// Calls `take` for every scalar of nested lists, row-major.
template <typename Take>
Result<void> flatten(dom::element data, const Take& take, int depth = 0) {
  dom::array array;
  if (data.get(array) != SUCCESS) return take(data);
  if (depth >= kDeepest) return invalid_argument("data are nested deeper than {} levels", kDeepest);
  for (auto element : array) TRY(flatten(element, take, depth + 1));
  return {};
}

Result<std::int64_t> product_of(std::span<const std::int64_t> shape) {
  std::int64_t product = 1;
  for (auto extent : shape) {
    if (extent < 0) return invalid_argument("a shape has the negative extent {}", extent);
    if (__builtin_mul_overflow(product, extent, &product) || product > kMostElements)
      return invalid_argument("a shape has more than {} elements", kMostElements);
  }
  return product;
}

}  // namespace

Result<void> OipReader::read_tensor(dom::element element, Room& room, serving::InputTensor& tensor) {
  if (!element.is_object()) return invalid_argument("each of \"inputs\" must be an object");
  tensor.name = TRY(text_member(element, "name", "an input"));
  auto type_name = TRY(text_member(element, "datatype", "an input"));
  auto* datatype = find_datatype(type_name);
  if (!datatype) return invalid_argument("input \"{}\" has the unknown datatype \"{}\"", tensor.name, type_name);

  dom::array shape;
  if (element["shape"].get(shape) != SUCCESS)
    return invalid_argument("input \"{}\" needs \"shape\", a list of whole numbers", tensor.name);
  room.shape.clear();
  for (auto extent : shape) {
    std::int64_t value = 0;
    if (extent.get(value) != SUCCESS)
      return invalid_argument("input \"{}\": \"shape\" must be a list of whole numbers", tensor.name);
    room.shape.push_back(value);
  }
  auto count = static_cast<std::size_t>(TRY(product_of(room.shape)));
  tensor.shape = room.shape;

  dom::element data;
  if (element["data"].get(data) != SUCCESS || !data.is_array())
    return invalid_argument("input \"{}\" needs \"data\", a list", tensor.name);
  std::size_t found = 0;
  auto wrong = [&]() -> Result<void> {
    return invalid_argument("input \"{}\" has a value that is not {}", tensor.name, type_name);
  };
  auto too_many = [&]() -> Result<void> {
    return invalid_argument("input \"{}\" has more values than its shape", tensor.name);
  };
  switch (datatype->kind) {
    case Kind::kBytes:
      room.strings.clear();
      TRY(flatten(data, [&](dom::element value) -> Result<void> {
        std::string_view text;
        if (value.get(text) != SUCCESS) return wrong();
        if (++found > count) return too_many();
        room.strings.push_back(text);
        return {};
      }));
      tensor.data = std::span<const std::string_view>(room.strings);
      break;
    case Kind::kInt:
      room.ints.clear();
      TRY(flatten(data, [&](dom::element value) -> Result<void> {
        std::int64_t number = 0;
        if (value.get(number) != SUCCESS || number < datatype->least || number > datatype->most) return wrong();
        if (++found > count) return too_many();
        room.ints.push_back(number);
        return {};
      }));
      tensor.data = std::span<const std::int64_t>(room.ints);
      break;
    case Kind::kDouble:
      room.doubles.clear();
      TRY(flatten(data, [&](dom::element value) -> Result<void> {
        double number = std::numeric_limits<double>::quiet_NaN();
        if (!value.is_null() && value.get(number) != SUCCESS) return wrong();
        if (++found > count) return too_many();
        room.doubles.push_back(number);
        return {};
      }));
      tensor.data = std::span<const double>(room.doubles);
      break;
    case Kind::kBool:
      if (room.bool_capacity < count) room.bools = std::make_unique<bool[]>(room.bool_capacity = count);
      TRY(flatten(data, [&](dom::element value) -> Result<void> {
        bool truth = false;
        if (value.get(truth) != SUCCESS) return wrong();
        if (found >= count) return too_many();
        room.bools[found++] = truth;
        return {};
      }));
      tensor.data = std::span<const bool>(room.bools.get(), count);
      break;
  }
  if (found != count)
    return invalid_argument("input \"{}\" has {} values, but its shape has {}", tensor.name, found, count);
  return {};
}

Result<void> OipReader::read_parameters(dom::element parameters, serving::InferRequest& request) {
  if (!parameters.is_object()) return invalid_argument("\"parameters\" must be an object");
  dom::element time;
  if (parameters["event_time"].get(time) != SUCCESS) return {};
  std::string_view text;
  std::int64_t micros = 0;
  if (time.get(text) == SUCCESS)
    request.event_time = TRY(parse_time(text));
  else if (time.get(micros) == SUCCESS)
    request.event_time = Timestamp{micros};
  else
    return invalid_argument("parameter \"event_time\" must be a time like 2001-03-01T06:00:00Z");
  return {};
}

// A model has one output, which is answered whether it is asked for or not; another one cannot be.
Result<void> OipReader::read_outputs(dom::element outputs) {
  if (!outputs.is_array()) return invalid_argument("\"outputs\" must be a list");
  for (auto output : dom::array(outputs)) {
    if (!output.is_object()) return invalid_argument("each of \"outputs\" must be an object");
    auto name = TRY(text_member(output, "name", "an output"));
    if (name != serving::kOutput)
      return invalid_argument("there is no output \"{}\"; the model answers \"{}\"", name, serving::kOutput);
  }
  return {};
}

Result<serving::InferRequest> OipReader::read(std::string_view body) {
  dom::element document;
  if (auto error = parser_.parse(body.data(), body.size()).get(document); error != SUCCESS)
    return invalid_argument("the body is not valid JSON: {}", simdjson::error_message(error));
  if (!document.is_object()) return invalid_argument("the body must be a JSON object");
  serving::InferRequest request;
  dom::element member;
  if (document["id"].get(member) == SUCCESS && member.get(request.id) != SUCCESS)
    return invalid_argument("\"id\" must be a string");
  if (document["parameters"].get(member) == SUCCESS) TRY(read_parameters(member, request));
  if (document["outputs"].get(member) == SUCCESS) TRY(read_outputs(member));
  dom::array inputs;
  if (document["inputs"].get(inputs) != SUCCESS)
    return invalid_argument("the request needs \"inputs\", a list of tensors");
  auto count = inputs.size();
  if (count > kMostInputs) return invalid_argument("the request has {} inputs, more than {}", count, kMostInputs);
  if (rooms_.size() < count) rooms_.resize(count);
  tensors_.resize(count);
  std::size_t i = 0;
  for (auto input : inputs) {
    TRY(read_tensor(input, rooms_[i], tensors_[i]));
    ++i;
  }
  request.inputs = {tensors_.data(), count};
  return request;
}

}  // namespace millrace::api
