#include "pipelines/input_ref.h"

#include <algorithm>
#include <filesystem>

#include "pipelines/names.h"

namespace millrace::pipelines {
namespace {

constexpr std::string_view kForms = "dataset:NAME, STEP.OUTPUT, model:NAME@ALIAS, model:NAME/VERSION or file:PATH";

bool is_version(std::string_view text) {
  return !text.empty() && text.front() != '0' && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

Result<InputRef> parse_model(std::string_view rest, std::string_view text) {
  InputRef ref{.kind = InputRef::Kind::kModel, .optional = rest.ends_with('?')};
  if (ref.optional) rest.remove_suffix(1);
  const std::size_t split = rest.find_first_of("@/");
  if (split == std::string_view::npos) return invalid_argument("\"{}\" names no alias; write model:NAME@ALIAS", text);
  ref.name = rest.substr(0, split);
  ref.selector = rest.substr(split + 1);
  ref.by_version = rest[split] == '/';
  const bool selected = ref.by_version ? is_version(ref.selector) : is_name(ref.selector);
  if (!is_name(ref.name) || !selected) return invalid_argument("\"{}\" is no input; write {}", text, kForms);
  return ref;
}

Result<InputRef> parse_file(std::string_view rest, std::string_view text) {
  const std::filesystem::path path = std::filesystem::path(rest).lexically_normal();
  if (rest.empty() || path.is_absolute() || *path.begin() == "..") {
    return invalid_argument("\"{}\" must be a path inside of the project folder", text);
  }
  return InputRef{.kind = InputRef::Kind::kFile, .name = path.string()};
}

Result<InputRef> parse_output(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || !is_name(text.substr(0, dot)) || !is_name(text.substr(dot + 1))) {
    return invalid_argument("\"{}\" is no input; write {}", text, kForms);
  }
  return InputRef{.kind = InputRef::Kind::kStepOutput,
                  .name = std::string(text.substr(0, dot)),
                  .selector = std::string(text.substr(dot + 1))};
}

Result<InputRef> parse_dataset(std::string_view rest, std::string_view text) {
  if (rest.empty() || rest.find_first_of(" \t\n") != std::string_view::npos) {
    return invalid_argument("\"{}\" is no input; write {}", text, kForms);
  }
  return InputRef{.kind = InputRef::Kind::kDataset, .name = std::string(rest)};
}

Result<InputRef> parse(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return parse_output(text);
  const std::string_view scheme = text.substr(0, colon);
  const std::string_view rest = text.substr(colon + 1);
  if (scheme == "dataset") return parse_dataset(rest, text);
  if (scheme == "model") return parse_model(rest, text);
  if (scheme == "file") return parse_file(rest, text);
  return invalid_argument("\"{}\" is no input; write {}", text, kForms);
}

}  // namespace

std::string_view kind_name(InputRef::Kind kind) {
  switch (kind) {
    case InputRef::Kind::kDataset:
      return "dataset";
    case InputRef::Kind::kStepOutput:
      return "output";
    case InputRef::Kind::kModel:
      return "model";
    case InputRef::Kind::kFile:
      return "file";
  }
  return "";
}

Result<InputRef> parse_input_ref(std::string_view text) {
  InputRef ref = TRY(parse(text));
  ref.text = text;
  return ref;
}

}  // namespace millrace::pipelines
