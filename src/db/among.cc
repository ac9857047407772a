#include "db/among.h"

namespace millrace::db {

std::string placeholders(std::size_t count) {
  std::string text = "(";
  for (std::size_t i = 0; i < count; ++i) text += i == 0 ? "?" : ", ?";
  return text + ")";
}

std::size_t detail::padded(std::size_t count) {
  std::size_t size = 1;
  while (size < count) size *= 8;
  return size;
}

}  // namespace millrace::db
