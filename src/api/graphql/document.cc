#include "api/graphql/document.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "api/graphql/lexer.h"

namespace millrace::api::graphql {

namespace {

constexpr std::size_t kMaxBytes = 100'000;
constexpr int kMaxNesting = 30;

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  Result<Document> document() {
    Document document;
    while (peek().kind != Token::Kind::kEnd) {
      if (is_word("fragment"))
        TRY(fragment(document));
      else
        document.operations.push_back(TRY(operation()));
    }
    if (document.operations.empty()) return unexpected();
    return document;
  }

 private:
  const Token& peek() const { return tokens_[at_]; }
  bool is_word(std::string_view word) const { return peek().kind == Token::Kind::kName && peek().text == word; }
  bool skip(std::string_view symbol) {
    if (!peek().is(symbol)) return false;
    ++at_;
    return true;
  }

  std::unexpected<Error> unexpected() const {
    const bool end = peek().kind == Token::Kind::kEnd;
    return invalid_argument("Syntax Error: Unexpected {}.", end ? "<EOF>" : fmt::format("'{}'", peek().text));
  }
  Result<void> expect(std::string_view symbol) {
    if (!skip(symbol)) return unexpected();
    return {};
  }
  Result<std::string> name() {
    if (peek().kind != Token::Kind::kName) return unexpected();
    return tokens_[at_++].text;
  }

  Result<Operation> operation() {
    Operation operation{.defaults = std::make_shared<Json>(Json::object())};
    if (!peek().is("{")) {
      const std::string kind = TRY(name());
      if (kind != "query" && kind != "mutation") return invalid_argument("Syntax Error: Unexpected Name '{}'.", kind);
      operation.is_mutation = kind == "mutation";
      if (peek().kind == Token::Kind::kName) operation.name = TRY(name());
      operation.defaults = std::make_shared<Json>(TRY(variables()));
      TRY(directives());
    }
    operation.selections = TRY(selections(0));
    return operation;
  }

  // ($id: String! = "0", ...)
  Result<Json> variables() {
    Json defaults = Json::object();
    if (!skip("(")) return defaults;
    while (!skip(")")) {
      TRY(expect("$"));
      const std::string variable = TRY(name());
      TRY(expect(":"));
      TRY(type(0));
      if (skip("=")) defaults[variable] = TRY(value(0));
      TRY(directives());
    }
    return defaults;
  }

  Result<void> type(int depth) {
    if (depth > kMaxNesting) return too_deep();
    if (skip("[")) {
      TRY(type(depth + 1));
      TRY(expect("]"));
    } else {
      TRY(name());
    }
    skip("!");
    return {};
  }

  Result<void> directives() {
    while (skip("@")) {
      TRY(name());
      TRY(arguments());
    }
    return {};
  }

  Result<Json> arguments() {
    Json arguments = Json::object();
    if (!skip("(")) return arguments;
    while (!skip(")")) {
      const std::string argument = TRY(name());
      TRY(expect(":"));
      arguments[argument] = TRY(value(0));
    }
    return arguments;
  }

  static std::unexpected<Error> too_deep() {
    return invalid_argument("Syntax Error: nested more than {} levels deep.", kMaxNesting);
  }

  Result<Json> value(int depth) {
    if (depth > kMaxNesting) return too_deep();
    const Token token = peek();
    if (skip("$")) return Json{{"$", TRY(name())}};
    if (skip("[")) return list(depth);
    if (skip("{")) return object(depth);
    if (token.kind == Token::Kind::kSymbol || token.kind == Token::Kind::kEnd) return unexpected();
    ++at_;
    if (token.kind == Token::Kind::kText) return Json(token.text);
    if (token.kind == Token::Kind::kNumber) {
      const auto number = parse_json(token.text);
      if (!number || !number->is_number()) return invalid_argument("Syntax Error: Invalid number '{}'.", token.text);
      return *number;
    }
    if (token.text == "null") return Json(nullptr);
    if (token.text == "true" || token.text == "false") return Json(token.text == "true");
    return Json(token.text);  // an enum's value
  }

  Result<Json> list(int depth) {
    Json items = Json::array();
    while (!skip("]")) items.push_back(TRY(value(depth + 1)));
    return items;
  }

  Result<Json> object(int depth) {
    Json members = Json::object();
    while (!skip("}")) {
      const std::string member = TRY(name());
      TRY(expect(":"));
      members[member] = TRY(value(depth + 1));
    }
    return members;
  }

  Result<std::vector<Selection>> selections(int depth) {
    if (depth > kMaxNesting) return too_deep();
    TRY(expect("{"));
    std::vector<Selection> all;
    do {
      all.push_back(TRY(selection(depth)));
    } while (!skip("}"));
    return all;
  }

  Result<Selection> selection(int depth) {
    if (skip("...")) return fragment_use(depth);
    Selection field{.name = TRY(name())};
    field.alias = field.name;
    if (skip(":")) {
      field.name = TRY(name());
      field.has_alias = true;
    }
    field.arguments = std::make_shared<Json>(TRY(arguments()));
    TRY(directives());
    if (peek().is("{")) field.selections = TRY(selections(depth + 1));
    return field;
  }

  Result<Selection> fragment_use(int depth) {
    if (peek().kind == Token::Kind::kName && !is_word("on")) {
      Selection spread{.kind = Selection::Kind::kSpread, .name = TRY(name())};
      TRY(directives());
      return spread;
    }
    if (is_word("on")) {
      ++at_;
      TRY(name());
    }
    TRY(directives());
    return Selection{.kind = Selection::Kind::kInline, .selections = TRY(selections(depth + 1))};
  }

  Result<void> fragment(Document& document) {
    ++at_;
    const std::string fragment_name = TRY(name());
    if (!is_word("on")) return unexpected();
    ++at_;
    TRY(name());
    TRY(directives());
    document.fragments[fragment_name] = TRY(selections(0));
    return {};
  }

  const std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

// Counts as it walks, so that what grows by fragments within fragments is stopped in time.
class Limits {
 public:
  explicit Limits(const Document& document) : document_(document) {}

  Result<void> level(const std::vector<Selection>& selections, int depth) {
    if (depth > kMaxDepth) return invalid_argument("Query exceeds maximum depth of {}", kMaxDepth);
    std::vector<const Selection*> fields;
    TRY(collect(selections, fields, 0));
    const auto aliases = std::ranges::count_if(fields, [](const Selection* field) { return field->has_alias; });
    if (depth == 1) TRY(most(static_cast<std::int64_t>(fields.size()), "root fields"));
    TRY(most(aliases, "aliases"));
    for (const Selection* field : fields) {
      if (!field->selections.empty()) TRY(level(field->selections, depth + 1));
    }
    return {};
  }

 private:
  static constexpr int kMaxDepth = 10;
  static constexpr std::int64_t kMaxOfEach = 10;
  static constexpr int kMaxFields = 1000;

  static Result<void> most(std::int64_t count, std::string_view what) {
    if (count <= kMaxOfEach) return {};
    return invalid_argument("GraphQL queries should have at most {} {}, got {} {}.", kMaxOfEach, what, count, what);
  }

  Result<void> collect(const std::vector<Selection>& selections, std::vector<const Selection*>& fields, int nesting) {
    if (nesting > kMaxNesting) return invalid_argument("A fragment of the query uses itself.");
    for (const Selection& selection : selections) {
      if (++seen_ > kMaxFields) return invalid_argument("Query exceeds maximum total selections of {}", kMaxFields);
      if (selection.kind == Selection::Kind::kField) {
        fields.push_back(&selection);
      } else if (selection.kind == Selection::Kind::kInline) {
        TRY(collect(selection.selections, fields, nesting + 1));
      } else {
        const auto fragment = document_.fragments.find(selection.name);
        if (fragment == document_.fragments.end()) return invalid_argument("Unknown fragment '{}'.", selection.name);
        TRY(collect(fragment->second, fields, nesting + 1));
      }
    }
    return {};
  }

  const Document& document_;
  int seen_ = 0;
};

void add_field(const Selection& field, std::vector<Selection>& fields) {
  const auto known = std::ranges::find(fields, field.alias, &Selection::alias);
  if (known == fields.end())
    fields.push_back(field);
  else
    known->selections.insert(known->selections.end(), field.selections.begin(), field.selections.end());
}

void open_fragments(const Document& document, const std::vector<Selection>& selections,
                    std::vector<Selection>& fields) {
  for (const Selection& selection : selections) {
    if (selection.kind == Selection::Kind::kField)
      add_field(selection, fields);
    else if (selection.kind == Selection::Kind::kInline)
      open_fragments(document, selection.selections, fields);
    else
      open_fragments(document, document.fragments.at(selection.name), fields);
  }
}

}  // namespace

Result<Document> parse(std::string_view text) {
  if (text.size() > kMaxBytes) return invalid_argument("Syntax Error: the query has more than {} bytes.", kMaxBytes);
  return Parser(TRY(tokenize(text))).document();
}

Result<void> check_limits(const Document& document, const Operation& operation) {
  return Limits(document).level(operation.selections, 1);
}

std::vector<Selection> fields_of(const Document& document, const std::vector<Selection>& selections) {
  std::vector<Selection> fields;
  open_fragments(document, selections, fields);
  return fields;
}

}  // namespace millrace::api::graphql
