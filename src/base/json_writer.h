#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

// Writes JSON as text, without a document in between; for answers that are long or frequent. Text that is not UTF-8 is
// replaced. A number that JSON cannot say is the string "NaN", "Infinity" or "-Infinity", as protobuf's JSON has it.
//
//   JsonWriter out;
//   out.object([&] {
//     out.field("key", metric.key);
//     out.list("points", points, [&](const Point& point) { out.value(point.y); });
//   });
//   std::move(out).text();
class JsonWriter {
 public:
  void value(std::string_view text);
  void value(const char* text) { value(std::string_view(text)); }
  void value(double number);
  void value(std::integral auto number) { integer(static_cast<std::int64_t>(number)); }
  void value(bool truth) { raw(truth ? "true" : "false"); }
  void null() { raw("null"); }
  // A value that is JSON already.
  void raw(std::string_view json);

  template <typename Members>
  void object(Members&& members) {
    open('{');
    members();
    close('}');
  }
  template <typename Items>
  void array(Items&& items) {
    open('[');
    items();
    close(']');
  }

  // Members of the object that is open.
  void key(std::string_view name);
  template <typename T>
  void field(std::string_view name, const T& content) {
    key(name);
    value(content);
  }
  template <typename Members>
  void object(std::string_view name, Members&& members) {
    key(name);
    object(members);
  }
  // Each item is written by `write(item)`. A list without items is left out.
  template <typename Range, typename Write>
  void list(std::string_view name, const Range& range, Write&& write) {
    if (range.begin() == range.end()) return;
    key(name);
    array([&] {
      for (const auto& item : range) write(item);
    });
  }

  std::string text() && { return std::move(text_); }
  void reserve(std::size_t bytes) { text_.reserve(bytes); }

 private:
  void open(char bracket);
  void close(char bracket);
  void integer(std::int64_t number);
  void quote(std::string_view text);
  void separate();

  std::string text_;
  bool first_ = true;  // nothing stands before in this object or array, or a key was just written
};

// The shortest text of a finite number that reads back as the same, and as one with a fraction.
void append_number(std::string& text, double number);

}  // namespace millrace
