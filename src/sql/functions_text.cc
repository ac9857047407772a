#include <algorithm>
#include <cstdint>

#include "sql/function.h"

namespace millrace::sql {
namespace {

constexpr Kind I = Kind::kBigint, B = Kind::kBoolean, V = Kind::kVarchar;

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::int64_t count_characters(std::string_view text) {
  return std::ranges::count_if(text, [](char c) { return !continues_character(c); });
}

// Where the n-th character (from 0) begins; the text's size where it has fewer.
std::size_t character_offset(std::string_view text, std::int64_t n) {
  std::size_t at = 0;
  for (; n > 0 && at < text.size(); --n) {
    ++at;
    while (at < text.size() && continues_character(text[at])) ++at;
  }
  return at;
}

std::string_view slice(std::string_view text, std::int64_t from, std::int64_t to) {
  if (to <= from) return {};
  const std::size_t begin = character_offset(text, from);
  return text.substr(begin, character_offset(text.substr(begin), to - from));
}

char fold_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
char fold_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; }

template <char (*Fold)(char)>
Value folded(const Value* a, Scratch& scratch) {
  char* to = scratch.take(a[0].text.size());
  std::ranges::transform(a[0].text, to, Fold);
  return Value::of(std::string_view(to, a[0].text.size()));
}

Value length(const Value* a, Scratch&) { return Value::of(count_characters(a[0].text)); }
Value byte_length(const Value* a, Scratch&) { return Value::of(static_cast<std::int64_t>(a[0].text.size())); }

enum Side { kLeft = 1, kRight = 2 };
template <int Sides>
Value trimmed(const Value* a, Scratch&) {
  std::string_view text = a[0].text;
  if (Sides & kLeft) text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  if (Sides & kRight) text.remove_suffix(text.size() - (text.find_last_not_of(' ') + 1));
  return Value::of(text);
}

// Positions count from 1, negative ones from the end; a negative length reaches to the left. (Where a negative position
// lies before the text, DuckDB's own answer depends on its statistics; this is the one it gives for ASCII columns.)
Value substring(std::string_view text, std::int64_t start, std::int64_t length) {
  constexpr std::int64_t kFar = std::int64_t{1} << 40;
  start = std::clamp(start, -kFar, kFar), length = std::clamp(length, -kFar, kFar);
  const std::int64_t size = count_characters(text);
  std::int64_t from = start > 0 ? start - 1 : start < 0 ? size + start : -1;
  if (start < 0 && from < 0) from = 0;
  std::int64_t to = from + length;
  if (length < 0) std::swap(from, to);
  return Value::of(slice(text, std::max<std::int64_t>(from, 0), std::min(to, size)));
}
Value substring_from(const Value* a, Scratch&) { return substring(a[0].text, a[1].integer, std::int64_t{1} << 40); }
Value substring_of(const Value* a, Scratch&) { return substring(a[0].text, a[1].integer, a[2].integer); }

Value leftmost(const Value* a, Scratch&) {
  const std::int64_t size = count_characters(a[0].text), n = a[1].integer;
  return Value::of(
      slice(a[0].text, 0, n >= 0 ? std::min(n, size) : std::max<std::int64_t>(size + std::max(n, -size), 0)));
}
Value rightmost(const Value* a, Scratch&) {
  const std::int64_t size = count_characters(a[0].text), n = a[1].integer;
  return Value::of(slice(a[0].text, n >= 0 ? size - std::min(n, size) : std::min(-std::max(n, -size), size), size));
}

Value contains(const Value* a, Scratch&) { return Value::of(a[0].text.contains(a[1].text)); }
Value starts_with(const Value* a, Scratch&) { return Value::of(a[0].text.starts_with(a[1].text)); }
Value ends_with(const Value* a, Scratch&) { return Value::of(a[0].text.ends_with(a[1].text)); }

Value joined(const Value* a, Scratch& scratch) {
  const std::size_t left = a[0].text.size(), right = a[1].text.size();
  char* to = scratch.take(left + right);
  std::ranges::copy(a[1].text, std::ranges::copy(a[0].text, to).out);
  return Value::of(std::string_view(to, left + right));
}

char same(char c) { return c; }

// Goes back to the last % only, so that a hostile pattern costs at most length times length.
template <char (*Fold)(char)>
bool matches(std::string_view text, std::string_view pattern) {
  std::size_t t = 0, p = 0, percent = std::string_view::npos, retry = 0;
  const auto next = [&](std::size_t at) {
    ++at;
    while (at < text.size() && continues_character(text[at])) ++at;
    return at;
  };
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      percent = p++, retry = t;
    } else if (p < pattern.size() && pattern[p] == '_') {
      ++p, t = next(t);
    } else if (p < pattern.size() && Fold(pattern[p]) == Fold(text[t])) {
      ++p, ++t;
    } else if (percent != std::string_view::npos) {
      p = percent + 1, t = retry = next(retry);
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}
template <char (*Fold)(char)>
Value like(const Value* a, Scratch&) {
  return Value::of(matches<Fold>(a[0].text, a[1].text));
}

}  // namespace

std::span<const Signature> text_functions() {
  static const std::vector<Signature> table = {
      {"lower", {V}, V, folded<fold_lower>},
      {"lcase", {V}, V, folded<fold_lower>},
      {"upper", {V}, V, folded<fold_upper>},
      {"ucase", {V}, V, folded<fold_upper>},
      {"length", {V}, I, length},
      {"len", {V}, I, length},
      {"strlen", {V}, I, byte_length},
      {"trim", {V}, V, trimmed < kLeft | kRight > },
      {"ltrim", {V}, V, trimmed<kLeft>},
      {"rtrim", {V}, V, trimmed<kRight>},
      {"substr", {V, I}, V, substring_from},
      {"substr", {V, I, I}, V, substring_of},
      {"substring", {V, I}, V, substring_from},
      {"substring", {V, I, I}, V, substring_of},
      {"left", {V, I}, V, leftmost},
      {"right", {V, I}, V, rightmost},
      {"contains", {V, V}, B, contains},
      {"starts_with", {V, V}, B, starts_with},
      {"prefix", {V, V}, B, starts_with},
      {"ends_with", {V, V}, B, ends_with},
      {"suffix", {V, V}, B, ends_with},
      {"||", {V, V}, V, joined},
      {"like", {V, V}, B, like<same>},
      {"ilike", {V, V}, B, like<fold_lower>},
  };
  return table;
}

}  // namespace millrace::sql
