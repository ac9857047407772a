#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::api {

// A table of Markdown; cells are text and nothing else.
struct CardTable {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
};

// A part of a model card: text, then a table, either of which may be empty.
struct CardSection {
  std::string title;  // "Evaluation"
  std::string text;   // Markdown that is safe already
  CardTable table;
};

// What people have written: Markdown with or without YAML at its head. Parts that begin with "## TITLE".
struct WrittenCard {
  std::string licence;  // of the YAML's `license`; or empty
  std::string opening;  // before the first part, without a "# TITLE"
  std::vector<CardSection> sections;
};
// Whatever stands in it, the answer holds no HTML and no address that runs anything, outside of blocks of code.
WrittenCard read_card(std::string_view markdown);

// A name or a number as Markdown that shows just that.
std::string plain(std::string_view text);
// Markdown by a person: its HTML is shown as text.
std::string safe_markdown(std::string_view text);

// The card: a written part stands in for the generated one of its title, and parts that only people have come before
// the first generated one. Parts without text and rows are left out.
std::string card_text(std::string_view title, const std::vector<CardSection>& generated, const WrittenCard& written);

}  // namespace millrace::api
