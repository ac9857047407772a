#include "serving/forest/model_document.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

namespace millrace::serving {
namespace {

constexpr std::size_t kMaxDepth = 32;
constexpr auto kUnknownCount = static_cast<std::size_t>(-1);

// Builds the value from the parser's events. Answering false stops the parser.
class Builder {
 public:
  explicit Builder(std::size_t file_size) : budget_(file_size) {}

  ModelValue take() { return std::move(root_); }
  const std::string& fault() const { return fault_; }

  bool null() { return in_numbers() ? put_number(std::numeric_limits<double>::quiet_NaN()) : put({}); }
  bool boolean(bool value) { return put_number(value ? 1 : 0); }
  bool number_integer(std::int64_t value) { return put_number(static_cast<double>(value)); }
  bool number_unsigned(std::uint64_t value) { return put_number(static_cast<double>(value)); }
  bool number_float(double value, const std::string& token) {
    if (token.empty()) return put_number(value);  // binary: exact already
    float nearest = 0;
    auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), nearest);
    if (error == std::errc::invalid_argument) return stop("unreadable number " + token);
    return put_number(error == std::errc{} ? nearest : static_cast<float>(value));
  }
  bool string(std::string& value) {
    ModelValue text{.kind = ModelValue::Kind::kString};
    text.text = std::move(value);
    return put(std::move(text));
  }
  bool binary(std::vector<std::uint8_t>&) { return stop("unexpected binary value"); }
  bool start_object(std::size_t count) { return open(ModelValue::Kind::kObject, count); }
  bool end_object() { return close(); }
  bool start_array(std::size_t count) { return open(ModelValue::Kind::kArray, count); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    open_.back()->names.push_back(std::move(name));
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) {
    return stop(fmt::format("syntax error at byte {}", position));
  }

 private:
  using Kind = ModelValue::Kind;

  bool stop(std::string why) {
    if (fault_.empty()) fault_ = std::move(why);
    return false;
  }

  bool in_numbers() const {
    return !open_.empty() && open_.back()->kind == Kind::kArray && open_.back()->items.empty();
  }

  bool put_number(double number) {
    if (in_numbers()) {
      open_.back()->numbers.push_back(number);
      return true;
    }
    return put({.kind = Kind::kNumber, .number = number});
  }

  // A mixed array keeps all its elements as items.
  static void spill(ModelValue& array) {
    for (double number : array.numbers) array.items.push_back({.kind = Kind::kNumber, .number = number});
    array.numbers.clear();
  }

  ModelValue& slot() {
    if (open_.empty()) return root_;
    ModelValue& parent = *open_.back();
    if (parent.kind == Kind::kArray) spill(parent);
    return parent.items.emplace_back();
  }

  bool put(ModelValue value) {
    slot() = std::move(value);
    return true;
  }

  bool open(Kind kind, std::size_t count) {
    if (count != kUnknownCount && count > budget_) return stop("a count beyond the end of the file");
    if (count != kUnknownCount) budget_ -= count;
    if (open_.size() == kMaxDepth) return stop("nested too deeply");
    ModelValue& value = slot();
    value.kind = kind;
    open_.push_back(&value);
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::size_t budget_;  // elements that may still be announced: each must take a byte of the file at least
  ModelValue root_;
  std::vector<ModelValue*> open_;  // the containers around the next value; a parent does not grow while a child is open
  std::string fault_;
};

enum class Form { kJson, kUbjson, kUnknown };

Form form_of(std::string_view bytes) {
  if (bytes.size() < 2 || bytes[0] != '{') return Form::kUnknown;
  if (std::string_view("\" \t\r\n}").contains(bytes[1])) return Form::kJson;
  return std::string_view("iUIlL#$").contains(bytes[1]) ? Form::kUbjson : Form::kUnknown;
}

// The end of the string that begins at `at`, or of the text.
std::size_t string_end(std::string_view text, std::size_t at) {
  while (++at < text.size() && text[at] != '"') {
    if (text[at] == '\\') ++at;
  }
  return std::min(at + 1, text.size());
}

// XGBoost writes NaN and Infinity, which are not JSON: they become null and a number beyond the floats.
std::string plain_json(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kWords = {
      {{"NaN", "null"}, {"Infinity", "1e39"}}};
  std::string plain;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const auto* word = std::ranges::find_if(kWords, [&](const auto& pair) { return rest.starts_with(pair.first); });
    if (word != kWords.end()) {
      plain += word->second;
      at += word->first.size();
      continue;
    }
    const std::size_t end = text[at] == '"' ? string_end(text, at) : at + 1;
    plain += text.substr(at, end - at);
    at = end;
  }
  return plain;
}

bool parse_json(std::string_view text, Builder& builder) {
  if (!text.contains("NaN") && !text.contains("Infinity")) return nlohmann::json::sax_parse(text, &builder);
  return nlohmann::json::sax_parse(plain_json(text), &builder);
}

bool parse_ubjson(std::string_view bytes, Builder& builder) {
  return nlohmann::json::sax_parse(bytes, &builder, nlohmann::json::input_format_t::ubjson);
}

}  // namespace

const ModelValue* ModelValue::find(std::string_view key) const {
  const auto found = std::ranges::find(names, key);
  return found == names.end() ? nullptr : &items[static_cast<std::size_t>(found - names.begin())];
}

Result<ModelValue> read_model_document(std::string_view bytes) {
  const Form form = form_of(bytes);
  if (form == Form::kUnknown) return invalid_argument("not a JSON or UBJSON model file");
  Builder builder(bytes.size());
  const bool read = form == Form::kJson ? parse_json(bytes, builder) : parse_ubjson(bytes, builder);
  if (!read) return data_loss("broken model file: {}", builder.fault());
  return builder.take();
}

}  // namespace millrace::serving
