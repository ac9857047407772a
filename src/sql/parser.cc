#include <algorithm>
#include <optional>

#include "sql/interval.h"
#include "sql/syntax.h"
#include "sql/token.h"

namespace millrace::sql {
namespace {

constexpr int kMaxNesting = 200;
constexpr int kMaxHeight = 1000;

using Parsed = std::expected<Syntax, CompileError>;

// How tightly operators bind, loosest first; PostgreSQL's order, which is DuckDB's.
enum Precedence { kLowest, kOr, kAnd, kNot, kIs, kComparison, kMatch, kOther, kSum, kProduct, kPower, kMinus, kCast };

struct Operator {
  std::string_view symbol;
  Precedence precedence;
};
constexpr Operator kOperators[] = {
    {"or", kOr},         {"and", kAnd},      {"=", kComparison},  {"<>", kComparison}, {"<", kComparison},
    {"<=", kComparison}, {">", kComparison}, {">=", kComparison}, {"||", kOther},      {"+", kSum},
    {"-", kSum},         {"*", kProduct},    {"/", kProduct},     {"//", kProduct},    {"%", kProduct},
    {"^", kPower},       {"**", kPower},
};

constexpr std::string_view kReserved[] = {"and",   "between", "case", "cast",  "distinct", "else",   "end",
                                          "ilike", "in",      "is",   "like",  "not",      "null",   "or",
                                          "then",  "true",    "when", "false", "from",     "select", "try_cast"};

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  Parsed run() {
    if (peek().kind == Token::Kind::kEnd) return fail("expression is empty");
    Syntax whole = TRY(expression(kLowest));
    if (peek().kind != Token::Kind::kEnd) return fail(fmt::format("unexpected {}", describe(peek())));
    return whole;
  }

 private:
  const Token& peek(std::size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  const Token& take() { return tokens_[std::min(at_++, tokens_.size() - 1)]; }
  bool take_word(std::string_view word) { return peek().is_word(word) && (++at_, true); }
  bool take_symbol(std::string_view symbol) { return peek().is_symbol(symbol) && (++at_, true); }

  std::unexpected<CompileError> fail(std::string message) const {
    return std::unexpected(CompileError{peek().offset, std::move(message)});
  }
  static std::string describe(const Token& token) {
    if (token.kind == Token::Kind::kEnd) return "end of the expression";
    if (token.kind == Token::Kind::kString) return fmt::format("string '{}'", token.text);
    return fmt::format("\"{}\"", token.text);
  }
  std::expected<void, CompileError> expect_symbol(std::string_view symbol) {
    if (take_symbol(symbol)) return {};
    return fail(fmt::format("expected \"{}\" before {}", symbol, describe(peek())));
  }
  std::expected<void, CompileError> expect_word(std::string_view word) {
    if (take_word(word)) return {};
    return fail(fmt::format("expected {} before {}", word, describe(peek())));
  }

  static Syntax literal(std::size_t offset, Kind kind, Value value) {
    Syntax s;
    s.offset = offset, s.literal_kind = kind, s.literal = value;
    return s;
  }
  static Syntax text_literal(std::size_t offset, std::string text) {
    Syntax s;
    s.offset = offset, s.literal_kind = Kind::kVarchar, s.literal_text = std::move(text);
    return s;
  }
  Parsed call(std::size_t offset, std::string name, std::vector<Syntax> args, Syntax::Form form = Syntax::Form::kCall) {
    Syntax s;
    s.form = form, s.offset = offset, s.name = std::move(name), s.args = std::move(args);
    for (const Syntax& arg : s.args) s.depth = std::max(s.depth, arg.depth + 1);
    if (s.depth > kMaxHeight)
      return std::unexpected(CompileError{offset, "expression has too many operators in a row"});
    return s;
  }
  template <class... Args>
  Parsed call_of(std::size_t offset, std::string_view name, Args... args) {
    std::vector<Syntax> list;
    (list.push_back(std::move(args)), ...);
    return call(offset, std::string(name), std::move(list));
  }
  Parsed negate_if(bool negated, std::size_t offset, Parsed inner) {
    if (!negated || !inner) return inner;
    return call_of(offset, "not", std::move(*inner));
  }

  // Everything that binds tighter than `floor`.
  Parsed expression(Precedence floor) {
    if (++nesting_ > kMaxNesting) return fail("expression is nested too deeply");
    Syntax left = TRY(prefix());
    while (true) {
      const std::size_t before = at_;
      left = TRY(infix(std::move(left), floor));
      if (at_ == before) break;
    }
    --nesting_;
    return left;
  }

  Parsed prefix() {
    const std::size_t offset = peek().offset;
    if (take_word("not")) return call_of(offset, "not", TRY(expression(kNot)));
    if (take_symbol("+")) return expression(kMinus);
    if (!take_symbol("-")) return primary();
    return call_of(offset, "-", TRY(expression(kMinus)));
  }

  // What may follow a complete operand; answers `left` itself where nothing does.
  Parsed infix(Syntax left, Precedence floor) {
    const Token& token = peek();
    for (const Operator& op : kOperators)
      if (op.precedence > floor && (token.is_symbol(op.symbol) || token.is_word(op.symbol)))
        return binary(std::move(left), op);
    if (floor < kCast && token.is_symbol("::")) return postfix_cast(std::move(left));
    if (floor < kIs && token.is_word("is")) return is_test(std::move(left));
    if (floor < kIs && token.is_word("isnull")) return take(), call_of(token.offset, "is_null", std::move(left));
    if (floor < kMatch) return match(std::move(left));
    return left;
  }

  Parsed binary(Syntax left, const Operator& op) {
    const std::size_t offset = take().offset;
    Syntax right = TRY(expression(op.precedence));
    if (op.precedence == kComparison)  // a < b < c has no meaning
      for (const Operator& next : kOperators)
        if (next.precedence == kComparison && peek().is_symbol(next.symbol))
          return fail("comparisons cannot follow one another; join them with and");
    return call_of(offset, op.symbol, std::move(left), std::move(right));
  }

  Parsed postfix_cast(Syntax left) {
    const std::size_t offset = take().offset;
    std::string type = TRY(type_word());
    return call(offset, std::move(type), one(std::move(left)), Syntax::Form::kCast);
  }

  Parsed is_test(Syntax left) {
    const std::size_t offset = take().offset;
    const bool negated = take_word("not");
    if (take_word("null")) return negate_if(negated, offset, call_of(offset, "is_null", std::move(left)));
    for (const bool truth : {true, false})
      if (take_word(truth ? "true" : "false"))
        return negate_if(
            negated, offset,
            call_of(offset, "is_same", std::move(left), literal(offset, Kind::kBoolean, Value::of(truth))));
    if (!take_word("distinct")) return fail("expected null, true, false or distinct from after is");
    TRY(expect_word("from"));
    Syntax right = TRY(expression(kIs));
    return negate_if(!negated, offset, call_of(offset, "is_same", std::move(left), std::move(right)));
  }

  Parsed match(Syntax left) {
    const std::size_t offset = peek().offset;
    const bool negated = peek().is_word("not");
    const Token& word = peek(negated ? 1 : 0);
    if (word.is_word("between")) return skip(negated), negate_if(negated, offset, between(offset, std::move(left)));
    if (word.is_word("in")) return skip(negated), negate_if(negated, offset, in_list(offset, std::move(left)));
    for (const std::string_view name : {"like", "ilike"}) {
      if (!word.is_word(name)) continue;
      skip(negated);
      Syntax pattern = TRY(expression(kMatch));
      return negate_if(negated, offset, call_of(offset, name, std::move(left), std::move(pattern)));
    }
    return left;
  }
  void skip(bool negated) { at_ += negated ? 2 : 1; }

  Parsed between(std::size_t offset, Syntax value) {
    Syntax low = TRY(expression(kMatch));
    TRY(expect_word("and"));
    Syntax high = TRY(expression(kMatch));
    return call_of(offset, "between", std::move(value), std::move(low), std::move(high));
  }

  Parsed in_list(std::size_t offset, Syntax value) {
    TRY(expect_symbol("("));
    std::vector<Syntax> args = one(std::move(value));
    TRY(list(args));
    return call(offset, "in", std::move(args));
  }

  // "a, b)" after an opening parenthesis.
  std::expected<void, CompileError> list(std::vector<Syntax>& into) {
    do into.push_back(TRY(expression(kLowest)));
    while (take_symbol(","));
    return expect_symbol(")");
  }

  Parsed primary() {
    const Token& token = peek();
    switch (token.kind) {
      case Token::Kind::kInteger:
        return take(), literal(token.offset, Kind::kBigint, Value::of(token.integer));
      case Token::Kind::kDecimal:
        return take(), literal(token.offset, Kind::kDouble, Value::of(token.number));
      case Token::Kind::kString:
        return take(), text_literal(token.offset, token.text);
      case Token::Kind::kQuotedWord:
        return take(), column(token);
      case Token::Kind::kWord:
        return word();
      default:
        break;
    }
    if (!take_symbol("(")) return fail(fmt::format("expected a value before {}", describe(token)));
    Syntax inner = TRY(expression(kLowest));
    TRY(expect_symbol(")"));
    return inner;
  }

  Syntax column(const Token& token) {
    Syntax s;
    s.form = Syntax::Form::kColumn, s.offset = token.offset, s.name = token.text;
    return s;
  }

  Parsed word() {
    const Token& token = take();
    const Token& next = peek();
    if (token.is_word("null")) return literal(token.offset, Kind::kNull, Value::null());
    if (token.is_word("true")) return literal(token.offset, Kind::kBoolean, Value::of(true));
    if (token.is_word("false")) return literal(token.offset, Kind::kBoolean, Value::of(false));
    if (token.is_word("case")) return case_when(token.offset);
    if (token.is_word("cast")) return cast(token.offset, Syntax::Form::kCast);
    if (token.is_word("try_cast")) return cast(token.offset, Syntax::Form::kTryCast);
    if (token.is_word("interval") && next.kind != Token::Kind::kEnd) return interval(token.offset);
    if (token.is_word("extract") && next.is_symbol("(")) return extract(token.offset);
    if ((token.is_word("date") || token.is_word("timestamp")) && next.kind == Token::Kind::kString)
      return call(token.offset, to_lower(token.text), one(text_literal(next.offset, take().text)), Syntax::Form::kCast);
    if (next.is_symbol("(")) return function(token);
    if (std::ranges::find(kReserved, to_lower(token.text)) != std::end(kReserved)) {
      --at_;
      return fail(fmt::format("expected a value before {}", describe(token)));
    }
    return column(token);
  }

  Parsed function(const Token& name) {
    std::vector<Syntax> args;
    TRY(expect_symbol("("));
    if (!take_symbol(")")) TRY(list(args));
    return call(name.offset, to_lower(name.text), std::move(args));
  }

  Parsed case_when(std::size_t offset) {
    std::vector<Syntax> args;
    const bool simple = !peek().is_word("when");
    if (simple) args.push_back(TRY(expression(kLowest)));
    if (!peek().is_word("when")) return fail("expected when after case");
    while (take_word("when")) {
      args.push_back(TRY(expression(kLowest)));
      TRY(expect_word("then"));
      args.push_back(TRY(expression(kLowest)));
    }
    args.push_back(take_word("else") ? TRY(expression(kLowest)) : literal(offset, Kind::kNull, Value::null()));
    TRY(expect_word("end"));
    return call(offset, simple ? "case_of" : "case", std::move(args));
  }

  Parsed cast(std::size_t offset, Syntax::Form form) {
    TRY(expect_symbol("("));
    Syntax value = TRY(expression(kLowest));
    TRY(expect_word("as"));
    std::string type = TRY(type_word());
    TRY(expect_symbol(")"));
    return call(offset, std::move(type), one(std::move(value)), form);
  }

  std::expected<std::string, CompileError> type_word() {
    if (peek().kind != Token::Kind::kWord) return fail(fmt::format("expected a type before {}", describe(peek())));
    return to_lower(take().text);
  }

  // interval '30 minutes', interval '30' minutes, interval 30 minutes, interval (n) minutes
  Parsed interval(std::size_t offset) {
    const Token& token = peek();
    if (token.kind == Token::Kind::kString) {
      std::string text = take().text;
      if (peek().kind == Token::Kind::kWord && find_interval_unit(peek().text)) text += " " + take().text;
      const auto parsed = parse_interval(text);
      if (!parsed) return std::unexpected(CompileError{token.offset, parsed.error()});
      return literal(offset, parsed->kind, Value::of(parsed->size));
    }
    if (token.kind != Token::Kind::kInteger && !token.is_symbol("(")) return column(tokens_[at_ - 1]);
    Syntax count = TRY(primary());
    const IntervalUnit* unit = peek().kind == Token::Kind::kWord ? find_interval_unit(peek().text) : nullptr;
    if (!unit) return fail(fmt::format("expected a unit such as minutes before {}", describe(peek())));
    take();
    return call_of(offset, fmt::format("to_{}s", unit->name), std::move(count));
  }

  Parsed extract(std::size_t offset) {
    TRY(expect_symbol("("));
    if (peek().kind != Token::Kind::kWord && peek().kind != Token::Kind::kString)
      return fail("expected a part such as hour");
    const Token& part = take();
    TRY(expect_word("from"));
    Syntax value = TRY(expression(kLowest));
    TRY(expect_symbol(")"));
    return call_of(offset, "date_part", text_literal(part.offset, part.text), std::move(value));
  }

  static std::vector<Syntax> one(Syntax s) {
    std::vector<Syntax> list;
    list.push_back(std::move(s));
    return list;
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace

std::expected<Syntax, CompileError> parse_expression(std::string_view text) {
  return Parser(TRY(tokenize(text))).run();
}

}  // namespace millrace::sql
