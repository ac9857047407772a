#include "serving/forest/model_document.h"

#include <algorithm>
#include <charconv>
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

  bool null() { return put({}); }
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

  bool put_number(double number) {
    if (!open_.empty() && open_.back()->kind == Kind::kArray && open_.back()->items.empty()) {
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

}  // namespace

const ModelValue* ModelValue::find(std::string_view key) const {
  const auto found = std::ranges::find(names, key);
  return found == names.end() ? nullptr : &items[static_cast<std::size_t>(found - names.begin())];
}

Result<ModelValue> read_model_document(std::string_view bytes) {
  const Form form = form_of(bytes);
  if (form == Form::kUnknown) return invalid_argument("not a JSON or UBJSON model file");
  Builder builder(bytes.size());
  using Format = nlohmann::json::input_format_t;
  const bool read = nlohmann::json::sax_parse(bytes.begin(), bytes.end(), &builder,
                                              form == Form::kJson ? Format::json : Format::ubjson);
  if (!read) return data_loss("broken model file: {}", builder.fault());
  return builder.take();
}

}  // namespace millrace::serving
