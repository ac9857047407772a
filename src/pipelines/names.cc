#include "pipelines/names.h"

#include <algorithm>

namespace millrace::pipelines {

bool is_name(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto is_later = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= 100 && is_letter(text.front()) && std::ranges::all_of(text, is_later);
}

}  // namespace millrace::pipelines
