#include "blob/parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace millrace::blob {

std::string marker_of(const Part& part) { return fmt::format("{}-{}-{}", part.number, part.size, part.sha256); }

std::optional<Part> parse_marker(std::string_view name) {
  const auto first = name.find('-');
  const auto second = name.find('-', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
  Part part{.sha256 = std::string(name.substr(second + 1))};
  std::from_chars(name.data(), name.data() + first, part.number);
  std::from_chars(name.data() + first + 1, name.data() + second, part.size);
  return part.number > 0 ? std::optional(part) : std::nullopt;
}

Result<void> check_count(int parts) {
  if (parts >= 1 && parts <= Uploads::kMostParts) return {};
  return invalid_argument("an upload has 1 to {} parts, not {}", Uploads::kMostParts, parts);
}

std::unexpected<Error> no_such_part(int number, int count) {
  return invalid_argument("part {} is not one of the {} parts of the upload", number, count);
}

std::unexpected<Error> no_such_upload(std::string_view id) {
  return not_found("upload {} does not exist; it was completed or aborted", id);
}

Result<void> check_parts(int count, const std::map<int, Part>& there, std::span<const Part> named) {
  if (std::cmp_not_equal(named.size(), count)) {
    return invalid_argument("the upload has {} parts, not {}", count, named.size());
  }
  for (int number = 1; number <= count; ++number) {
    const auto found = there.find(number);
    if (found == there.end()) return invalid_argument("part {} of the upload has not come", number);
    const auto part = std::ranges::find(named, number, &Part::number);
    if (part == named.end() || part->sha256 != found->second.sha256) {
      return invalid_argument("part {} of the upload is not the one that came", number);
    }
  }
  return {};
}

Result<void> check_more(const Part& part, std::uint64_t written, std::size_t more) {
  if (written + more <= part.size) return {};
  return invalid_argument("part {} has more than the {} bytes that were announced", part.number, part.size);
}

Result<void> check_end(const Part& part, std::uint64_t written) {
  if (written == part.size) return {};
  return invalid_argument("part {} has {} bytes; {} were announced", part.number, written, part.size);
}

std::unexpected<Error> other_size(int number, std::uint64_t size, std::uint64_t expected) {
  return invalid_argument("part {} has {} bytes; all but the last have the same size, here {}", number, size, expected);
}

}  // namespace millrace::blob
