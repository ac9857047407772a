#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace millrace {

// Which part of a list is wanted.
struct PageRequest {
  int limit = 100;    // at most this many items; what is above 1000 counts as 1000
  std::string after;  // the `next` of the page before; empty for the first page

  int rows() const { return limit < 1 ? 1 : limit > 1000 ? 1000 : limit; }
};

// A part of a list. `next` is opaque to callers and empty on the last page.
template <typename T>
struct Page {
  std::vector<T> items;
  std::string next;
};

// The page made of `rows`, of which there may be one more than asked for; `cursor_of` gives the cursor of its last
// item.
template <typename T, typename CursorOf>
Page<T> make_page(std::vector<T> rows, const PageRequest& request, CursorOf cursor_of) {
  Page<T> page{.items = std::move(rows), .next = {}};
  if (std::cmp_less_equal(page.items.size(), request.rows())) return page;
  page.items.resize(static_cast<std::size_t>(request.rows()));
  page.next = cursor_of(page.items.back());
  return page;
}

inline std::unexpected<Error> bad_cursor(std::string_view cursor) {
  return invalid_argument("\"{}\" is not the `next` of a page of this list", cursor);
}

// The number that a cursor, or a part of it, is.
inline Result<std::int64_t> cursor_integer(std::string_view cursor) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), number);
  if (error != std::errc{} || end != cursor.data() + cursor.size()) return bad_cursor(cursor);
  return number;
}

}  // namespace millrace
