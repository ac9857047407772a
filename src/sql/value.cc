#include "sql/value.h"

#include <algorithm>
#include <cstring>

namespace millrace::sql {

std::string_view type_name(Type type) {
  switch (type) {
    case Type::kBoolean:
      return "boolean";
    case Type::kBigint:
      return "bigint";
    case Type::kDouble:
      return "double";
    case Type::kVarchar:
      return "varchar";
    case Type::kTimestamp:
      return "timestamp";
  }
  return "";
}

char* Scratch::take(std::size_t bytes) {
  while (block_ < blocks_.size() && blocks_[block_].size - used_ < bytes) ++block_, used_ = 0;
  if (block_ == blocks_.size()) {
    const std::size_t size = std::max<std::size_t>(bytes, 1024);
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
    used_ = 0;
  }
  char* start = blocks_[block_].bytes.get() + used_;
  used_ += bytes;
  return start;
}

std::string_view Scratch::copy(std::string_view text) {
  char* to = take(text.size());
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return {to, text.size()};
}

}  // namespace millrace::sql
