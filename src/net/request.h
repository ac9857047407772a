#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::net {

// One header field, as it was sent; names compare without regard to case.
struct Field {
  std::string_view name;
  std::string_view value;
};

// The values that a path gave to the {names} of its pattern, decoded.
class PathParams {
 public:
  static constexpr std::size_t kMost = 8;

  void add(std::string_view name, std::string_view value) { values_[size_++] = {name, value}; }
  void clear() { size_ = 0; }
  std::size_t size() const { return size_; }
  // "" where the pattern has no such name.
  std::string_view find(std::string_view name) const;

 private:
  std::array<std::pair<std::string_view, std::string_view>, kMost> values_;
  std::size_t size_ = 0;
};

// A request, whole and checked: path and query are UTF-8 without NUL after decoding. All views are valid only while
// the handler runs.
struct Request {
  std::string_view method;        // "GET"; a GET handler also sees "HEAD", whose body the server leaves out
  std::string_view path;          // decoded, without the query
  std::string_view query_string;  // as sent, without the "?"
  std::string_view body;
  std::string_view route;   // the pattern that matched, e.g. "/api/v1/datasets/{name}"; a good metric label
  std::string_view remote;  // "127.0.0.1:51234"
  std::span<const Field> headers;
  PathParams params;
  // Who sent it, as the server's guard found: a name, "" for nobody in particular, and what only the guard knows.
  std::string_view user;
  std::shared_ptr<const void> principal;

  // The first value of a query parameter, decoded ("+" is a space).
  std::optional<std::string> query(std::string_view name) const;
  // All query parameters, decoded, in the order sent.
  std::vector<std::pair<std::string, std::string>> query_parameters() const;
  // The first field of that name, or "".
  std::string_view header(std::string_view name) const;
  std::string_view param(std::string_view name) const { return params.find(name); }
};

// Equal without regard to ASCII case.
bool equals_ignoring_case(std::string_view a, std::string_view b);

}  // namespace millrace::net
