#include "registry/entities.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace millrace::registry {

namespace {

constexpr std::array<std::pair<std::string_view, Stage>, 4> kStages = {{
    {"None", Stage::kNone},
    {"Staging", Stage::kStaging},
    {"Production", Stage::kProduction},
    {"Archived", Stage::kArchived},
}};

constexpr std::string_view kPromptTag = "mlflow.prompt.is_prompt";

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

}  // namespace

std::string_view to_text(Stage stage) {
  return std::ranges::find(kStages, stage, &std::pair<std::string_view, Stage>::second)->first;
}

bool from_text(std::string_view text, Stage& stage) {
  for (const auto& [name, value] : kStages) {
    if (!equal_ignoring_case(name, text)) continue;
    stage = value;
    return true;
  }
  return false;
}

std::string_view Model::tag(std::string_view key) const {
  const auto found = std::ranges::find(tags, key, &Tag::key);
  return found == tags.end() ? std::string_view() : found->value;
}

bool Model::is_prompt() const { return equal_ignoring_case(tag(kPromptTag), "true"); }

}  // namespace millrace::registry
