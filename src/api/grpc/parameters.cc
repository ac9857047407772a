#include "api/grpc/parameters.h"

#include <bit>

#include "base/wire.h"

namespace millrace::api::grpc {
namespace {

// The fields of InferParameter.
constexpr std::uint32_t kBool = 1, kInt64 = 2, kString = 3, kDouble = 4, kUint64 = 5;

// The last one counts, as of a oneof.
struct Value {
  std::uint32_t kind = 0;
  std::uint64_t bits = 0;
  std::string_view text;
};

Result<Value> read_value(std::string_view message) {
  Value value;
  WireReader in(message);
  while (TRY(in.next())) {
    if (in.field() > kUint64) continue;
    value.kind = in.field();
    if (value.kind == kString) {
      value.text = TRY(in.bytes());
    } else {
      value.bits = TRY(in.number());
    }
  }
  return value;
}

bool is_whole(const Value& value) { return value.kind == kInt64 || value.kind == kUint64; }

}  // namespace

Result<Parameter> read_parameter(std::string_view map_entry) {
  Parameter parameter;
  WireReader in(map_entry);
  while (TRY(in.next())) {
    if (in.field() == 1) parameter.name = TRY(in.bytes());
    if (in.field() == 2) parameter.value = TRY(in.bytes());
  }
  return parameter;
}

std::string parameter_text(std::string_view message) {
  const auto value = read_value(message);
  if (!value) return {};
  switch (value->kind) {
    case kBool:
      return value->bits != 0 ? "true" : "false";
    case kInt64:
      return fmt::format("{}", static_cast<std::int64_t>(value->bits));
    case kUint64:
      return fmt::format("{}", value->bits);
    case kDouble:
      return fmt::format("{}", std::bit_cast<double>(value->bits));
    default:
      return std::string(value->text);
  }
}

Result<std::uint64_t> parameter_count(const Parameter& parameter) {
  const auto value = TRY(read_value(parameter.value));
  if (is_whole(value) && !(value.kind == kInt64 && static_cast<std::int64_t>(value.bits) < 0)) return value.bits;
  return invalid_argument("parameter \"{}\" must be a whole number of at least 0", parameter.name);
}

Result<Timestamp> parameter_time(const Parameter& parameter) {
  const auto value = TRY(read_value(parameter.value));
  if (value.kind == kString) return parse_time(value.text);
  if (is_whole(value)) return Timestamp{static_cast<std::int64_t>(value.bits)};
  return invalid_argument("parameter \"{}\" must be a time like 2001-03-01T06:00:00Z", parameter.name);
}

}  // namespace millrace::api::grpc
