#include "delivery/diff.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace millrace::delivery {
namespace {

constexpr std::size_t kContext = 2;
constexpr std::size_t kMostLines = 2000;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty() && lines.size() < kMostLines) {
    auto end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

struct Line {
  char mark;
  std::string_view text;
};

// common[i][j]: the length of the longest common subsequence of a[i..] and b[j..].
std::vector<std::vector<std::uint16_t>> common_lengths(const std::vector<std::string_view>& a,
                                                       const std::vector<std::string_view>& b) {
  std::vector<std::vector<std::uint16_t>> common(a.size() + 1, std::vector<std::uint16_t>(b.size() + 1));
  for (std::size_t i = a.size(); i-- > 0;)
    for (std::size_t j = b.size(); j-- > 0;)
      common[i][j] = a[i] == b[j] ? static_cast<std::uint16_t>(common[i + 1][j + 1] + 1)
                                  : std::max(common[i + 1][j], common[i][j + 1]);
  return common;
}

std::vector<Line> marked_lines(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b) {
  auto common = common_lengths(a, b);
  std::vector<Line> out;
  std::size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j])
      out.push_back({' ', a[i]}), ++i, ++j;
    else if (j == b.size() || (i < a.size() && common[i + 1][j] >= common[i][j + 1]))
      out.push_back({'-', a[i++]});
    else
      out.push_back({'+', b[j++]});
  }
  return out;
}

bool near_a_change(const std::vector<Line>& lines, std::size_t at) {
  auto from = at > kContext ? at - kContext : 0, to = std::min(at + kContext + 1, lines.size());
  return std::any_of(lines.begin() + static_cast<std::ptrdiff_t>(from), lines.begin() + static_cast<std::ptrdiff_t>(to),
                     [](const Line& line) { return line.mark != ' '; });
}

}  // namespace

std::string line_diff(std::string_view before, std::string_view after) {
  if (before == after) return {};
  auto lines = marked_lines(lines_of(before), lines_of(after));
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!near_a_change(lines, i)) continue;
    out += lines[i].mark;
    out += lines[i].text;
    out += '\n';
  }
  return out;
}

}  // namespace millrace::delivery
