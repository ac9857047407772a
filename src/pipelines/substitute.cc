#include "pipelines/substitute.h"

#include <nlohmann/json.hpp>

#include "base/json.h"

namespace millrace::pipelines {
namespace {

// A run of text, or the NAME of one ${NAME}.
struct Piece {
  std::string text;
  bool is_name = false;
};

class Pieces {
 public:
  void add_text(std::string_view text) {
    if (text.empty()) return;
    if (list_.empty() || list_.back().is_name) list_.push_back({});
    list_.back().text += text;
  }
  void add_name(std::string_view name) { list_.push_back({std::string(name), true}); }
  std::vector<Piece> take() { return std::move(list_); }

 private:
  std::vector<Piece> list_;
};

Result<std::vector<Piece>> split(std::string_view text) {
  Pieces pieces;
  while (true) {
    const std::size_t open = text.find("${");
    if (open == std::string_view::npos) break;
    if (open > 0 && text[open - 1] == '$') {
      pieces.add_text(text.substr(0, open - 1));
      pieces.add_text("${");
      text.remove_prefix(open + 2);
      continue;
    }
    const std::size_t close = text.find('}', open);
    if (close == std::string_view::npos) return invalid_argument("\"{}\" has no closing brace", text.substr(open));
    pieces.add_text(text.substr(0, open));
    pieces.add_name(text.substr(open + 2, close - open - 2));
    text.remove_prefix(close + 1);
  }
  pieces.add_text(text);
  return pieces.take();
}

bool is_ours(std::string_view name) {
  return name.starts_with("params.") || name.starts_with("run.") || name == "event_time";
}

// As split, but every ${...} that is not ours is text.
std::vector<Piece> split_command(std::string_view text) {
  Pieces pieces;
  std::size_t from = 0;
  while (true) {
    const std::size_t open = text.find("${", from);
    const std::size_t close = text.find('}', open);
    if (open == std::string_view::npos || close == std::string_view::npos) break;
    const std::string_view name = text.substr(open + 2, close - open - 2);
    if (!is_ours(name)) {
      from = open + 2;
      continue;
    }
    pieces.add_text(text.substr(0, open));
    pieces.add_name(name);
    text.remove_prefix(close + 1);
    from = 0;
  }
  pieces.add_text(text);
  return pieces.take();
}

std::vector<std::string> names_of(const std::vector<Piece>& pieces) {
  std::vector<std::string> names;
  for (const Piece& piece : pieces) {
    if (piece.is_name) names.push_back(piece.text);
  }
  return names;
}

Result<Json> value_of(const std::string& name, const Names& names) {
  const auto found = names.find(name);
  if (found == names.end()) return invalid_argument("${{{}}} is not known", name);
  return parse_json(found->second);
}

std::string as_text(const Json& value) { return value.is_string() ? value.get<std::string>() : dump_json(value); }

Result<Json> substitute_string(const std::string& text, const Names& names) {
  const std::vector<Piece> pieces = TRY(split(text));
  if (pieces.size() == 1 && pieces.front().is_name) return value_of(pieces.front().text, names);
  std::string result;
  for (const Piece& piece : pieces) result += piece.is_name ? as_text(TRY(value_of(piece.text, names))) : piece.text;
  return Json(result);
}

Result<Json> substitute_json(const Json& value, const Names& names) {
  if (value.is_string()) return substitute_string(value.get_ref<const std::string&>(), names);
  if (!value.is_structured()) return value;
  Json result = value;
  for (auto& member : result) member = TRY(substitute_json(member, names));
  return result;
}

Result<void> collect_names(const Json& value, std::vector<std::string>& names) {
  if (value.is_string()) {
    for (std::string& name : TRY(names_in(value.get_ref<const std::string&>()))) names.push_back(std::move(name));
  } else if (value.is_structured()) {
    for (const Json& member : value) TRY(collect_names(member, names));
  }
  return {};
}

bool is_plain_word(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+.,:/@%=";
  return !text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos;
}

}  // namespace

Result<std::vector<std::string>> names_in(std::string_view text) { return names_of(TRY(split(text))); }

Result<std::vector<std::string>> names_in_json(std::string_view json_text) {
  std::vector<std::string> names;
  TRY(collect_names(TRY(parse_json(json_text)), names));
  return names;
}

std::vector<std::string> names_in_command(std::string_view command) { return names_of(split_command(command)); }

Result<std::string> substitute(std::string_view json_text, const Names& names) {
  return dump_json(TRY(substitute_json(TRY(parse_json(json_text)), names)));
}

Result<std::string> substitute_command(std::string_view command, const Names& names) {
  std::string result;
  for (const Piece& piece : split_command(command)) {
    if (!piece.is_name) {
      result += piece.text;
      continue;
    }
    const std::string word = as_text(TRY(value_of(piece.text, names)));
    if (!is_plain_word(word)) {
      return invalid_argument(
          "${{{}}} is \"{}\", which a shell reads as more than a word; pass it under `with` and use "
          "its variable MILLRACE_PARAM_NAME",
          piece.text, word);
    }
    result += word;
  }
  return result;
}

}  // namespace millrace::pipelines
