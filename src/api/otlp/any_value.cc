#include "api/otlp/any_value.h"

#include <bit>
#include <charconv>
#include <optional>

#include "base/base64.h"
#include "base/wire.h"

namespace millrace::api::otlp {

namespace {

namespace dom = simdjson::dom;
using simdjson::SUCCESS;

// The kinds of AnyValue: their numbers in protobuf's messages, their names in its JSON and in OTLP's.
struct Kind {
  std::uint32_t field;
  std::string_view name;
  std::string_view camel_name;
};
constexpr Kind kText{1, "string_value", "stringValue"};
constexpr Kind kBool{2, "bool_value", "boolValue"};
constexpr Kind kInt{3, "int_value", "intValue"};
constexpr Kind kDouble{4, "double_value", "doubleValue"};
constexpr Kind kArray{5, "array_value", "arrayValue"};
constexpr Kind kObject{6, "kvlist_value", "kvlistValue"};
constexpr Kind kBytes{7, "bytes_value", "bytesValue"};
constexpr std::uint32_t kListValues = 1;  // of ArrayValue and KeyValueList
constexpr std::uint32_t kPairKey = 1;     // of KeyValue
constexpr std::uint32_t kPairValue = 2;   //

std::unexpected<Error> too_deep() {
  return invalid_argument("an attribute is nested more than {} levels deep", kMaxDepth);
}
std::unexpected<Error> malformed() { return invalid_argument("not an attribute's value"); }

Result<void> read_pair(std::string_view bytes, JsonWriter& out, int depth) {
  std::string_view key;
  std::string_view value;
  WireReader in(bytes);
  while (TRY(in.next())) {
    if (in.field() == kPairKey) key = TRY(in.bytes());
    if (in.field() == kPairValue) value = TRY(in.bytes());
  }
  out.key(clean_text(key));
  return read_any_value(value, out, depth);
}

Result<void> read_values(std::string_view bytes, const Kind& kind, JsonWriter& out, int depth) {
  WireReader in(bytes);
  while (TRY(in.next())) {
    if (in.field() != kListValues) continue;
    if (kind.field == kObject.field)
      TRY(read_pair(TRY(in.bytes()), out, depth));
    else
      TRY(read_any_value(TRY(in.bytes()), out, depth));
  }
  return {};
}

// `read` writes what is between the brackets. What a failed read has written is thrown away with its Result.
template <typename Read>
Result<void> read_list(const Kind& kind, JsonWriter& out, Read&& read) {
  Result<void> status;
  const auto inside = [&] { status = read(); };
  if (kind.field == kObject.field)
    out.object(inside);
  else
    out.array(inside);
  return status;
}

Result<void> read_field(const WireReader& in, JsonWriter& out, int depth) {
  switch (in.field()) {
    case kText.field:
      out.value(TRY(in.bytes()));
      return {};
    case kBool.field:
      out.value(TRY(in.number()) != 0);
      return {};
    case kInt.field:
      out.value(static_cast<std::int64_t>(TRY(in.number())));
      return {};
    case kDouble.field:
      out.value(std::bit_cast<double>(TRY(in.number())));
      return {};
    case kArray.field:
    case kObject.field: {
      const Kind& kind = in.field() == kArray.field ? kArray : kObject;
      const std::string_view bytes = TRY(in.bytes());
      return read_list(kind, out, [&] { return read_values(bytes, kind, out, depth + 1); });
    }
    case kBytes.field:
      out.value(base64_encode(TRY(in.bytes())));
      return {};
    default:
      out.null();
      return {};
  }
}

std::optional<dom::element> member(const dom::element& object, const Kind& kind) {
  dom::element found;
  if (object[kind.camel_name].get(found) == SUCCESS || object[kind.name].get(found) == SUCCESS) return found;
  return std::nullopt;
}

Result<void> read_number(const dom::element& value, JsonWriter& out) {
  std::int64_t whole = 0;
  double real = 0;
  std::string_view text;
  if (value.get(whole) == SUCCESS) {
    out.value(whole);
  } else if (value.get(real) == SUCCESS) {
    out.value(real);
  } else if (value.get(text) == SUCCESS) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
    if (error == std::errc{} && end == text.data() + text.size())
      out.value(whole);
    else
      out.value(text);  // "NaN"
  } else {
    return malformed();
  }
  return {};
}

Result<void> read_json_values(const dom::element& list, const Kind& kind, JsonWriter& out, int depth) {
  dom::array values;
  if (list["values"].get(values) != SUCCESS) return {};
  for (const dom::element value : values) {
    if (kind.field != kObject.field) {
      TRY(read_any_value(value, out, depth));
      continue;
    }
    std::string_view key;
    dom::element inner;
    if (value["key"].get(key) != SUCCESS) return malformed();
    out.key(key);
    if (value["value"].get(inner) != SUCCESS)
      out.null();
    else
      TRY(read_any_value(inner, out, depth));
  }
  return {};
}

void write_number(JsonWriter& out, const dom::element& plain) {
  std::int64_t whole = 0;
  double real = 0;
  if (plain.get(whole) == SUCCESS)
    out.field(kInt.name, whole);
  else if (plain.get(real) == SUCCESS)
    out.field(kDouble.name, real);
}

void write_list(JsonWriter& out, const dom::element& plain) {
  dom::array items;
  dom::object members;
  out.key("values");
  out.array([&] {
    if (plain.get(items) == SUCCESS) {
      for (const dom::element item : items) write_any_value(out, item);
    } else if (plain.get(members) == SUCCESS) {
      for (const auto& [key, value] : members) {
        out.object([&] {
          out.field("key", key);
          out.key("value");
          write_any_value(out, value);
        });
      }
    }
  });
}

}  // namespace

Result<void> read_any_value(std::string_view bytes, JsonWriter& out, int depth) {
  if (depth > kMaxDepth) return too_deep();
  WireReader in(bytes);
  std::optional<WireReader> last;  // the last of a oneof's fields is the one that counts
  while (TRY(in.next())) {
    if (in.field() >= kText.field && in.field() <= kBytes.field) last = in;
  }
  if (last) return read_field(*last, out, depth);
  out.null();
  return {};
}

Result<void> read_any_value(const dom::element& value, JsonWriter& out, int depth) {
  if (depth > kMaxDepth) return too_deep();
  if (!value.is_object()) return malformed();
  std::string_view text;
  bool truth = false;
  if (const auto found = member(value, kText)) {
    if (found->get(text) != SUCCESS) return malformed();
    out.value(text);
  } else if (const auto found = member(value, kBytes)) {
    if (found->get(text) != SUCCESS) return malformed();
    out.value(text);
  } else if (const auto found = member(value, kBool)) {
    if (found->get(truth) != SUCCESS) return malformed();
    out.value(truth);
  } else if (const auto found = member(value, kInt)) {
    return read_number(*found, out);
  } else if (const auto found = member(value, kDouble)) {
    return read_number(*found, out);
  } else if (const auto found = member(value, kArray)) {
    return read_list(kArray, out, [&] { return read_json_values(*found, kArray, out, depth + 1); });
  } else if (const auto found = member(value, kObject)) {
    return read_list(kObject, out, [&] { return read_json_values(*found, kObject, out, depth + 1); });
  } else {
    out.null();
  }
  return {};
}

void write_any_value(JsonWriter& out, const dom::element& plain) {
  std::string_view text;
  bool truth = false;
  out.object([&] {
    if (plain.get(text) == SUCCESS)
      out.field(kText.name, text);
    else if (plain.get(truth) == SUCCESS)
      out.field(kBool.name, truth);
    else if (plain.is_array())
      out.object(kArray.name, [&] { write_list(out, plain); });
    else if (plain.is_object())
      out.object(kObject.name, [&] { write_list(out, plain); });
    else
      write_number(out, plain);
  });
}

void write_attribute(JsonWriter& out, std::string_view key, std::string_view json) {
  dom::parser parser;
  dom::element plain;
  out.object([&] {
    out.field("key", key);
    out.key("value");
    if (parser.parse(json.data(), json.size()).get(plain) == SUCCESS)
      write_any_value(out, plain);
    else
      out.object([&] { out.field(kText.name, json); });
  });
}

std::string clean_text(std::string_view text) {
  constexpr std::string_view kReplacement = "\xef\xbf\xbd";
  std::string clean(text);
  if (!simdjson::validate_utf8(text)) {
    JsonWriter out;
    out.value(text);
    dom::parser parser;
    std::string_view valid;
    const std::string json = std::move(out).text();
    clean = parser.parse(json).get(valid) == SUCCESS ? std::string(valid) : std::string(kReplacement);
  }
  for (std::size_t at = clean.find('\0'); at != std::string::npos; at = clean.find('\0', at)) {
    clean.replace(at, 1, kReplacement);
  }
  return clean;
}

}  // namespace millrace::api::otlp
