#include "api/mlflow/input.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/json_writer.h"

namespace millrace::api::mlflow {

namespace {

namespace dom = simdjson::dom;
using simdjson::SUCCESS;

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxShown = 500;  // characters of a value in a message

std::string camel_case(std::string_view name) {
  std::string camel;
  bool upper = false;
  for (const char c : name) {
    if (c != '_') camel += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = c == '_';
  }
  return camel;
}

std::string_view python_type(dom::element value) {
  switch (value.type()) {
    case dom::element_type::ARRAY:
      return "list";
    case dom::element_type::OBJECT:
      return "dict";
    case dom::element_type::INT64:
    case dom::element_type::UINT64:
      return "int";
    case dom::element_type::DOUBLE:
      return "float";
    case dom::element_type::STRING:
      return "str";
    case dom::element_type::BOOL:
      return "bool";
    case dom::element_type::NULL_VALUE:
      return "NoneType";
  }
  return {};
}

template <typename T>
std::optional<T> parse_whole(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_number(std::string_view text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return parse_whole<double>(text);
}

std::optional<std::int64_t> to_integer(double number) {
  const bool whole = number == std::floor(number) && std::abs(number) < 9.2e18;
  return whole ? std::optional(static_cast<std::int64_t>(number)) : std::nullopt;
}

bool needs_json_header(std::string_view method) { return method == "POST" || method == "PUT"; }

Result<void> check_content_type(const net::Request& request) {
  if (!needs_json_header(request.method)) return {};
  std::string_view type = request.header("content-type");
  if (type.empty()) return invalid_argument("Bad Request. Content-Type header is missing.");
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  if (net::equals_ignoring_case(type, "application/json")) return {};
  return invalid_argument("Bad Request. Content-Type must be one of ['application/json'].");
}

}  // namespace

std::string quote_bare_numbers(std::string_view json) {
  constexpr std::array<std::string_view, 3> kWords = {"-Infinity", "Infinity", "NaN"};
  std::string out;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size();) {
    const auto word = std::ranges::find_if(kWords, [&](auto w) { return json.substr(i).starts_with(w); });
    if (!in_text && word != kWords.end()) {
      out.append("\"").append(*word).append("\"");
      i += word->size();
      continue;
    }
    if (in_text && json[i] == '\\' && i + 1 < json.size())
      out += json[i++];
    else if (json[i] == '"')
      in_text = !in_text;
    out += json[i++];
  }
  return out;
}

std::string Fields::path_of(std::string_view name) const {
  return where_.empty() ? std::string(name) : fmt::format("{}.{}", where_, name);
}

void Fields::fault(std::string message) const {
  if (!source_->fault) source_->fault = Error{Code::kInvalidArgument, std::move(message)};
}

void Fields::missing(std::string_view name) const {
  fault(fmt::format("Missing value for required parameter '{}'.{}", path_of(name), kSeeDocs));
}

void Fields::wrong_type(std::string_view name, dom::element value) const {
  std::string shown = simdjson::minify(value);
  if (shown.size() > kMaxShown) shown = shown.substr(0, kMaxShown) + "...";
  fault(fmt::format("Invalid value {} for parameter '{}' supplied:  Hint: Value was of type '{}'.{}", shown,
                    path_of(name), python_type(value), kSeeDocs));
}

void Fields::wrong_text(std::string_view name, std::string_view text) const {
  JsonWriter shown;
  shown.value(text.substr(0, kMaxShown));
  fault(fmt::format("Invalid value {} for parameter '{}' supplied:  Hint: Value was of type 'str'.{}",
                    std::move(shown).text(), path_of(name), kSeeDocs));
}

std::optional<dom::element> Fields::find(std::string_view name) const {
  if (!object_) return std::nullopt;
  dom::element value;
  if ((*object_)[name].get(value) != SUCCESS) {
    if (!name.contains('_') || (*object_)[camel_case(name)].get(value) != SUCCESS) return std::nullopt;
  }
  if (value.is_null()) return std::nullopt;
  return value;
}

const std::string* Fields::find_query(std::string_view name) const {
  if (object_) return nullptr;
  for (const auto& [key, value] : source_->query) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::optional<dom::array> Fields::list(std::string_view name) const {
  const auto value = find(name);
  if (!value) return std::nullopt;
  dom::array items;
  if (value->get(items) == SUCCESS) return items;
  wrong_type(name, *value);
  return std::nullopt;
}

bool Fields::has(std::string_view name) const { return find(name) || find_query(name) != nullptr; }

// PostgreSQL has no texts with NUL, and nobody needs one.
std::optional<std::string_view> Fields::checked(std::string_view name, std::string_view text) const {
  if (!text.contains('\0')) return text;
  wrong_text(name, text);
  return std::nullopt;
}

std::optional<std::string_view> Fields::text(std::string_view name) const {
  if (const auto* value = find_query(name)) return *value;
  const auto value = find(name);
  if (!value) return std::nullopt;
  std::string_view text;
  if (value->get(text) == SUCCESS) return checked(name, text);
  wrong_type(name, *value);
  return std::nullopt;
}

std::optional<std::int64_t> Fields::integer(std::string_view name) const {
  std::string_view text;
  const auto value = find(name);
  if (value) {
    std::int64_t integer = 0;
    double number = 0;
    if (value->get(integer) == SUCCESS) return integer;
    if (value->type() == dom::element_type::DOUBLE && value->get(number) == SUCCESS) return to_integer(number);
    if (value->get(text) != SUCCESS) {
      wrong_type(name, *value);
      return std::nullopt;
    }
  } else if (const auto* query = find_query(name)) {
    text = *query;
  } else {
    return std::nullopt;
  }
  const auto parsed = parse_whole<std::int64_t>(text);
  if (!parsed) wrong_text(name, text);
  return parsed;
}

std::optional<double> Fields::number(std::string_view name) const {
  std::string_view text;
  const auto value = find(name);
  if (value) {
    double number = 0;
    if (value->is_number() && value->get(number) == SUCCESS) return number;
    if (value->get(text) != SUCCESS) {
      wrong_type(name, *value);
      return std::nullopt;
    }
  } else if (const auto* query = find_query(name)) {
    text = *query;
  } else {
    return std::nullopt;
  }
  const auto parsed = parse_number(text);
  if (!parsed) wrong_text(name, text);
  return parsed;
}

std::optional<bool> Fields::boolean(std::string_view name) const {
  if (const auto* text = find_query(name)) {
    const bool truth = net::equals_ignoring_case(*text, "true");
    if (truth || net::equals_ignoring_case(*text, "false")) return truth;
    fault(fmt::format("Invalid boolean value: {}, must be 'true' or 'false'.", *text));
    return std::nullopt;
  }
  const auto value = find(name);
  if (!value) return std::nullopt;
  bool truth = false;
  if (value->get(truth) == SUCCESS) return truth;
  wrong_type(name, *value);
  return std::nullopt;
}

std::vector<std::string_view> Fields::texts(std::string_view name) const {
  std::vector<std::string_view> texts;
  if (!object_) {
    for (const auto& [key, value] : source_->query) {
      if (key == name) texts.emplace_back(value);
    }
    return texts;
  }
  const auto items = list(name);
  if (!items) return texts;
  for (const dom::element item : *items) {
    std::string_view text;
    if (item.get(text) != SUCCESS || !checked(name, text)) {
      wrong_type(name, *find(name));
      return {};
    }
    texts.push_back(text);
  }
  return texts;
}

std::vector<std::pair<std::string_view, std::string_view>> Fields::map(std::string_view name) const {
  std::vector<std::pair<std::string_view, std::string_view>> items;
  const auto value = find(name);
  if (!value) return items;
  dom::object members;
  if (value->get(members) != SUCCESS) {
    wrong_type(name, *value);
    return items;
  }
  for (const auto& [key, member] : members) {
    std::string_view text;
    if (member.get(text) != SUCCESS || !checked(name, key) || !checked(name, text)) {
      wrong_type(name, *value);
      return {};
    }
    items.emplace_back(key, text);
  }
  return items;
}

std::optional<std::string> Fields::json(std::string_view name) const {
  const auto value = find(name);
  return value ? std::optional<std::string>(simdjson::minify(*value)) : std::nullopt;
}

std::optional<std::size_t> Fields::choice(std::string_view name, std::span<const std::string_view> names,
                                          std::int64_t first) const {
  const auto value = find(name);
  std::int64_t number = 0;
  if (value && value->get(number) == SUCCESS) {
    const bool known = number >= first && std::cmp_less(number - first, names.size());
    return known ? std::optional(static_cast<std::size_t>(number - first)) : std::nullopt;
  }
  const auto wanted = text(name);
  const auto found = wanted ? std::ranges::find(names, *wanted) : names.end();
  if (found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

std::string_view Fields::required_text(std::string_view name) const {
  const auto value = text(name);
  if (!value || value->empty()) missing(name);
  return value.value_or("");
}

std::int64_t Fields::required_integer(std::string_view name) const {
  if (!has(name)) missing(name);
  return integer(name).value_or(0);
}

double Fields::required_number(std::string_view name) const {
  if (!has(name)) missing(name);
  return number(name).value_or(0);
}

std::vector<Fields> Fields::messages(std::string_view name) const {
  std::vector<Fields> messages;
  const auto items = list(name);
  if (!items) return messages;
  messages.reserve(items->size());
  for (const dom::element item : *items) {
    auto where = fmt::format("{}[{}]", path_of(name), messages.size());
    if (!item.is_object()) {
      wrong_type(name, *find(name));
      return {};
    }
    messages.push_back(Fields(source_, item, std::move(where)));
  }
  return messages;
}

std::optional<Fields> Fields::message(std::string_view name) const {
  const auto value = find(name);
  if (!value) return std::nullopt;
  if (value->is_object()) return Fields(source_, *value, path_of(name));
  wrong_type(name, *value);
  return std::nullopt;
}

Result<Input> Input::read(const net::Request& request) {
  Input input(request, std::make_unique<Source>());
  const bool by_query = !needs_json_header(request.method) && request.method != "PATCH" && request.body.empty();
  if (by_query) {
    input.owned_->query = request.query_parameters();
    return input;
  }
  TRY(check_content_type(request));
  TRY(input.parse(request.body));
  return input;
}

// An empty body is an empty object. Old clients sent the object as text within a JSON text.
Result<void> Input::parse(std::string_view body) {
  std::string again;
  for (int layer = 0; layer < 2; ++layer) {
    if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) body = "{}";
    dom::parser& parser = owned_->parser;
    dom::element document;
    auto error = parser.allocate(std::max<std::size_t>(body.size(), 64), kMaxDepth);
    if (!error) error = parser.parse(body.data(), body.size()).get(document);
    if (error && error != simdjson::DEPTH_ERROR && error != simdjson::UTF8_ERROR) {
      again = quote_bare_numbers(body);
      error = parser.parse(again).get(document);
    }
    if (error) return invalid_argument("The body of the request is not valid JSON: {}", simdjson::error_message(error));
    if (document.is_object()) {
      object_ = document;
      return {};
    }
    std::string_view inner;
    if (document.get(inner) != SUCCESS) break;
    again = std::string(inner);
    body = again;
  }
  return invalid_argument("The body of the request must be a JSON object.");
}

std::string_view Input::run_id() const {
  const auto id = text("run_id");
  if (id && !id->empty()) return *id;
  const auto uuid = text("run_uuid");
  if (!uuid || uuid->empty()) missing("run_id");
  return uuid.value_or("");
}

Result<void> Input::check() const {
  if (owned_->fault) return std::unexpected(*owned_->fault);
  return {};
}

}  // namespace millrace::api::mlflow
