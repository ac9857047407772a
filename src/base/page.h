#pragma once

#include <string>
#include <vector>

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

}  // namespace millrace
