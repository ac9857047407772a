#include "api/http/card_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace millrace::api {

namespace {

constexpr std::size_t kLongestCell = 500;
constexpr std::string_view kFence = "```";

std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  auto line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

// Blocks of code between fences at the margin; what is indented or quoted may end early elsewhere, and counts as text.
class Fences {
 public:
  // Whether the line is code, or a fence of it.
  bool code(std::string_view line) {
    const auto ticks = std::min(line.find_first_not_of('`'), line.size());
    if (open_ == 0) {
      if (ticks < kFence.size() || line.substr(ticks).contains('`')) return false;
      open_ = ticks;
      return true;
    }
    if (ticks >= open_ && trimmed(line.substr(ticks)).empty()) open_ = 0;
    return true;
  }

 private:
  std::size_t open_ = 0;  // backticks of the open fence
};

// An address of a link that is not plainly one of the web, of mail or of this place runs or holds something.
void disarm_links(std::string& line) {
  for (const std::string_view start : {"](", "]:"}) {
    for (auto at = line.find(start); at != std::string::npos; at = line.find(start, at + 2)) {
      const auto address = trimmed(std::string_view(line).substr(at + 2));
      const auto known = lower(address.substr(0, 8));
      const auto scheme = address.substr(0, address.find_first_of(" )/?#"));
      const bool harmless = known.starts_with("https://") || known.starts_with("http://") ||
                            known.starts_with("mailto:") || scheme.find_first_of(":&\\%") == std::string_view::npos;
      if (!harmless) line.insert(at + 2, start == "](" ? "#" : " #");
    }
  }
}

std::string safe_line(std::string_view line) {
  std::string out;
  for (const char c : line) {
    if (c == '<')
      out += "&lt;";
    else if (!is_control(c) || c == '\t')
      out += c;
  }
  disarm_links(out);
  return out;
}

// "TITLE" of "## TITLE ##"; nothing for another line.
std::optional<std::string_view> title_of(std::string_view line) {
  if (!line.starts_with("## ")) return std::nullopt;
  auto title = trimmed(line.substr(3));
  while (title.ends_with('#')) title.remove_suffix(1);
  return trimmed(title);
}

// Takes the YAML away that the text may begin with; answers its licence.
std::string take_head(std::string_view& text) {
  auto rest = text;
  if (trimmed(take_line(rest)) != "---") return {};
  std::string licence;
  while (!rest.empty()) {
    const auto line = take_line(rest);
    if (trimmed(line) == "---") {
      text = rest;
      return licence;
    }
    for (const std::string_view key : {"license:", "licence:"}) {
      if (line.starts_with(key)) licence = plain(trimmed(line.substr(key.size())));
    }
  }
  return {};
}

void append_row(std::string& out, const std::vector<std::string>& cells) {
  out += '|';
  for (const auto& cell : cells) out += fmt::format(" {} |", cell.empty() ? "-" : plain(cell));
  out += '\n';
}

std::string table_text(const CardTable& table) {
  if (table.rows.empty()) return {};
  std::string out;
  append_row(out, table.head);
  out += '|';
  for (std::size_t i = 0; i < table.head.size(); ++i) out += " --- |";
  out += '\n';
  for (const auto& row : table.rows) append_row(out, row);
  return out;
}

void append_section(std::string& out, const CardSection& section) {
  const auto text = trimmed(section.text);
  if (text.empty() && section.table.rows.empty()) return;
  out += fmt::format("\n## {}\n\n", section.title);
  if (!text.empty()) out += fmt::format("{}\n", text);
  if (!text.empty() && !section.table.rows.empty()) out += '\n';
  out += table_text(section.table);
}

const CardSection* find(const std::vector<CardSection>& sections, std::string_view title) {
  const auto found =
      std::ranges::find_if(sections, [&](const CardSection& section) { return lower(section.title) == lower(title); });
  return found == sections.end() ? nullptr : &*found;
}

}  // namespace

std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kLongestCell)) {
    if (is_control(c))
      out += ' ';
    else if (c == '<')
      out += "&lt;";
    else if (std::string_view("\\`*_[]|#&!~>").contains(c))
      out += {'\\', c};
    else
      out += c;
  }
  // Never half a character.
  if (text.size() > kLongestCell) {
    while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0xc0) == 0x80) out.pop_back();
    if (!out.empty() && static_cast<unsigned char>(out.back()) >= 0xc0) out.pop_back();
    out += "…";
  }
  return out;
}

std::string safe_markdown(std::string_view text) {
  std::string out;
  Fences fences;
  while (!text.empty()) {
    const auto line = take_line(text);
    out += fences.code(line) ? std::string(line) : safe_line(line);
    out += '\n';
  }
  return out;
}

WrittenCard read_card(std::string_view markdown) {
  WrittenCard card;
  if (markdown.starts_with("\xEF\xBB\xBF")) markdown.remove_prefix(3);
  card.licence = take_head(markdown);
  Fences fences;
  std::string* into = &card.opening;
  while (!markdown.empty()) {
    const auto line = take_line(markdown);
    const bool code = fences.code(line);
    if (const auto title = code ? std::nullopt : title_of(line); title && !title->empty()) {
      card.sections.push_back({.title = safe_line(*title)});
      into = &card.sections.back().text;
      continue;
    }
    if (!code && line.starts_with("# ") && into == &card.opening) continue;
    *into += code ? std::string(line) : safe_line(line);
    *into += '\n';
  }
  return card;
}

std::string card_text(std::string_view title, const std::vector<CardSection>& generated, const WrittenCard& written) {
  std::string out = fmt::format("# {}\n", plain(title));
  if (const auto opening = trimmed(written.opening); !opening.empty()) out += fmt::format("\n{}\n", opening);
  for (const auto& section : written.sections) {
    if (find(generated, section.title) == nullptr) append_section(out, section);
  }
  for (const auto& section : generated) {
    const auto* by_a_person = find(written.sections, section.title);
    append_section(out, by_a_person ? *by_a_person : section);
  }
  return out;
}

}  // namespace millrace::api
