#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "search/syntax.h"
#include "search/token.h"

namespace millrace::search {

namespace {

using Filter = Tree<Comparison>;

struct OpName {
  std::string_view text;
  Op op;
};
constexpr std::array<OpName, 11> kOps = {{{"=", Op::kEqual},
                                          {"!=", Op::kNotEqual},
                                          {"<", Op::kLess},
                                          {"<=", Op::kLessEqual},
                                          {">", Op::kGreater},
                                          {">=", Op::kGreaterEqual},
                                          {"<>", Op::kUnknown},
                                          {"==", Op::kUnknown},
                                          {"LIKE", Op::kLike},
                                          {"ILIKE", Op::kIlike},
                                          {"RLIKE", Op::kRlike}}};

Identifier identifier_of(const Token& token) {
  Identifier identifier{.written = std::string(token.written)};
  if (token.kind == Token::Kind::kDoubleQuoted) {
    identifier.key = token.text;
  } else if (token.parts.size() == 1) {
    identifier.key = token.parts.front();
  } else {
    identifier.entity = token.parts.front();
    for (std::size_t i = 1; i < token.parts.size(); ++i) {
      if (i > 1) identifier.key += '.';
      identifier.key += token.parts[i];
    }
  }
  return identifier;
}

bool is_identifier(const Token& token) {
  return token.kind == Token::Kind::kWord || token.kind == Token::Kind::kName ||
         token.kind == Token::Kind::kDoubleQuoted;
}

// Recursive descent:
//   any     := all { OR all }
//   all     := unary { AND unary }
//   unary   := NOT unary | "(" any ")" | comparison
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), tokens_(tokenize(text)) {}

  Result<Filter> filter() {
    if (peek().kind == Token::Kind::kEnd) return Filter{};
    Filter tree = TRY(any());
    if (peek().kind != Token::Kind::kEnd) return unexpected("AND, OR or the end");
    return tree;
  }

 private:
  const Token& peek(std::size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  const Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }

  bool take_keyword(std::string_view keyword) {
    if (!peek().is_keyword(keyword)) return false;
    take();
    return true;
  }

  std::unexpected<Error> unexpected(std::string_view expected) const {
    const Token& token = peek();
    const bool several = token.kind == Token::Kind::kBroken && token.written.starts_with(';');
    if (several) {
      return invalid_argument("Search filter contained multiple expression '{}'. Provide AND-ed expression list.",
                              text_);
    }
    const std::string_view shown = token.kind == Token::Kind::kEnd ? text_ : token.written;
    return invalid_argument("Invalid clause(s) in filter string: '{}' (at character {}, where {} is expected)", shown,
                            token.written.data() - text_.data() + 1, expected);
  }

  template <class Part>
  Result<Filter> chain(Filter::Kind kind, std::string_view keyword, Part part) {
    Filter first = TRY((this->*part)());
    if (!peek().is_keyword(keyword)) return first;
    Filter tree{.kind = kind};
    tree.parts.push_back(std::move(first));
    while (take_keyword(keyword)) tree.parts.push_back(TRY((this->*part)()));
    return tree;
  }

  Result<Filter> any() { return chain(Filter::Kind::kAny, "OR", &Parser::all); }
  Result<Filter> all() { return chain(Filter::Kind::kAll, "AND", &Parser::unary); }

  Result<Filter> unary() {
    if (++depth_ > kMaxDepth) return invalid_argument("a filter may nest at most {} levels", kMaxDepth);
    Filter tree = TRY(unary_at_depth());
    --depth_;
    return tree;
  }

  Result<Filter> unary_at_depth() {
    if (take_keyword("NOT")) {
      Filter tree{.kind = Filter::Kind::kNot};
      tree.parts.push_back(TRY(unary()));
      return tree;
    }
    if (!peek().is_symbol("(")) return comparison();
    take();
    Filter inner = TRY(any());
    if (!peek().is_symbol(")")) return unexpected("AND, OR or a closing parenthesis");
    take();
    return inner;
  }

  Result<Filter> comparison() {
    if (++comparisons_ > kMaxComparisons) {
      return invalid_argument("a filter may have at most {} comparisons; a long list is written with IN",
                              kMaxComparisons);
    }
    const Token& left = peek();
    if (left.kind == Token::Kind::kText || left.kind == Token::Kind::kNumber) {
      return invalid_argument("Invalid comparison clause. Expected 'Identifier' found '{}'", left.written);
    }
    if (!is_identifier(left)) return unexpected("the name of what is compared");
    Filter tree{.kind = Filter::Kind::kLeaf, .leaf = {.left = identifier_of(take())}};
    TRY(right_side(tree.leaf));
    return tree;
  }

  Result<void> right_side(Comparison& comparison) {
    if (take_keyword("IS")) {
      comparison.op = take_keyword("NOT") ? Op::kIsNotNull : Op::kIsNull;
      if (!take_keyword("NULL")) return unexpected("NULL or NOT NULL");
      return {};
    }
    if (peek().is_keyword("IN") || (peek().is_keyword("NOT") && peek(1).is_keyword("IN"))) {
      comparison.op = take_keyword("NOT") ? Op::kNotIn : Op::kIn;
      take();
      return list(comparison.right);
    }
    const auto known = std::ranges::find_if(
        kOps, [&](const OpName& op) { return peek().is_symbol(op.text) || peek().is_keyword(op.text); });
    if (known == kOps.end()) return unexpected("a comparison");
    comparison.op = known->op;
    comparison.written_op = known->text;
    take();
    comparison.right.push_back(TRY(literal()));
    return {};
  }

  Result<void> list(std::vector<Literal>& items) {
    if (!peek().is_symbol("(")) return unexpected("a list in parentheses");
    take();
    if (peek().is_symbol(")")) {
      return invalid_argument(
          "While parsing a list in the query, expected a non-empty list of string values, but got empty list");
    }
    while (!peek().is_symbol(")")) {
      if (++items_ > kMaxListItems) {
        return invalid_argument("the lists of a filter may have at most {} values", kMaxListItems);
      }
      items.push_back(TRY(literal()));
      if (peek().is_symbol(",")) {
        take();
      } else if (!peek().is_symbol(")")) {
        return unexpected("a comma or a closing parenthesis");
      }
    }
    take();
    return {};
  }

  Result<Literal> literal() {
    const Token& token = peek();
    Literal literal{.written = std::string(token.written), .text = token.text};
    switch (token.kind) {
      case Token::Kind::kNumber:
        literal.kind = Literal::Kind::kNumber;
        break;
      case Token::Kind::kText:
      case Token::Kind::kDoubleQuoted:
        literal.kind = Literal::Kind::kText;
        break;
      case Token::Kind::kWord:
      case Token::Kind::kName:
        literal.kind = Literal::Kind::kWord;
        break;
      default:
        return unexpected("a number or a text in quotes");
    }
    take();
    return literal;
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
  int comparisons_ = 0;
  int items_ = 0;
};

}  // namespace

std::string_view to_text(Op op) {
  switch (op) {
    case Op::kIn:
      return "IN";
    case Op::kNotIn:
      return "NOT IN";
    case Op::kIsNull:
      return "IS NULL";
    case Op::kIsNotNull:
      return "IS NOT NULL";
    default:
      return std::ranges::find(kOps, op, &OpName::op)->text;
  }
}

Result<Tree<Comparison>> parse_filter(std::string_view text) {
  if (text.size() > kMaxFilterBytes) {
    return invalid_argument("a filter may have at most {} bytes, this one has {}", kMaxFilterBytes, text.size());
  }
  return Parser(text).filter();
}

Result<OrderSyntax> parse_order(std::string_view text) {
  const std::vector<Token> tokens = text.size() > kMaxFilterBytes ? tokenize({}) : tokenize(text);
  if (tokens.size() < 2 || tokens.size() > 3 || !is_identifier(tokens.front())) {
    return invalid_argument("Invalid order_by clause '{}'. Could not be parsed.", text.substr(0, 1000));
  }
  OrderSyntax order{.by = identifier_of(tokens.front())};
  if (tokens.size() == 2) return order;
  if (tokens[1].kind == Token::Kind::kBroken || tokens[1].kind == Token::Kind::kSymbol) {
    return invalid_argument("Invalid order_by clause '{}'. Could not be parsed.", text);
  }
  if (tokens[1].is_keyword("DESC")) {
    order.direction = Direction::kDescending;
  } else if (!tokens[1].is_keyword("ASC")) {
    return invalid_argument("Invalid ordering key in order_by clause '{}'.", text);
  }
  return order;
}

std::vector<std::string> split_order_by(std::string_view text) {
  std::vector<std::string> members;
  std::string member;
  char quote = '\0';
  for (const char c : text) {
    if (c == ',' && quote == '\0') {
      members.push_back(std::exchange(member, {}));
      continue;
    }
    if (quote == '\0' && (c == '`' || c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = '\0';
    }
    member += c;
  }
  if (!members.empty() || member.find_first_not_of(' ') != std::string::npos) members.push_back(std::move(member));
  return members;
}

}  // namespace millrace::search
