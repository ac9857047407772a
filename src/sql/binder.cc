#include "sql/binder.h"

#include <algorithm>
#include <limits>

#include "base/suggest.h"
#include "sql/function.h"
#include "sql/run.h"
#include "sql/token.h"

namespace millrace::sql {
namespace {

using BoundResult = std::expected<Bound, CompileError>;
using BoundArgs = std::vector<Bound>;

constexpr int kImpossible = 1'000'000;

// How far a value's type is from a wanted one.
int conversion_cost(const Bound& from, Kind to) {
  if (from.kind == to) return 0;
  if (from.kind == Kind::kNull) return 1;
  if (from.kind == Kind::kBigint && to == Kind::kDouble) return 2;
  if (from.kind == Kind::kDate && to == Kind::kTimestamp) return 2;
  if (from.is_text_literal && find_cast(Kind::kVarchar, to)) return 8;
  return kImpossible;
}

bool is_constant(const Bound& bound) { return bound.step->run == run_constant; }

class Binder {
 public:
  explicit Binder(std::span<const ColumnDef> columns) : columns_(columns) {}

  BoundResult bind(const Syntax& syntax) {
    switch (syntax.form) {
      case Syntax::Form::kLiteral:
        return literal(syntax);
      case Syntax::Form::kColumn:
        return column(syntax);
      case Syntax::Form::kCall:
        return call(syntax);
      case Syntax::Form::kCast:
        return cast(syntax, strict_run(1));
      case Syntax::Form::kTryCast:
        return cast(syntax, run_try);
    }
    return fail(syntax, "unknown form");
  }

 private:
  using Form = BoundResult (Binder::*)(const Syntax&, BoundArgs);
  struct Special {
    std::string_view name;
    std::size_t least, most;  // arguments
    Form form;
  };
  static std::span<const Special> specials();

  static std::unexpected<CompileError> fail(const Syntax& syntax, std::string message) {
    return std::unexpected(CompileError{syntax.offset, std::move(message)});
  }

  static Bound constant(Kind kind, Value value, bool is_text_literal = false) {
    Bound bound{std::make_unique<Step>(), kind, is_text_literal};
    bound.step->run = run_constant;
    bound.step->constant = value;
    if (value.kind == Value::Kind::kText) {
      bound.step->text = value.text;
      bound.step->constant = Value::of(std::string_view(bound.step->text));
    }
    return bound;
  }

  static Bound step(Kind kind, Step::Run run, BoundArgs args, Function function = nullptr) {
    Bound bound{std::make_unique<Step>(), kind, false};
    bound.step->run = run, bound.step->function = function;
    const bool constants = function && std::ranges::all_of(args, is_constant);
    for (Bound& arg : args) bound.step->args.push_back(std::move(arg.step));
    return constants ? folded(std::move(bound)) : std::move(bound);
  }
  // Computes what does not depend on the row; errors stay for the evaluation to report.
  static Bound folded(Bound bound) {
    Scratch scratch;
    const Value value = bound.step->evaluate({nullptr, scratch});
    return value.is_error() ? std::move(bound) : constant(bound.kind, value);
  }

  BoundResult literal(const Syntax& s) {
    if (s.literal_kind == Kind::kVarchar)
      return constant(Kind::kVarchar, Value::of(std::string_view(s.literal_text)), true);
    return constant(s.literal_kind, s.literal);
  }

  BoundResult column(const Syntax& s) {
    const auto exact = std::ranges::find(columns_, s.name, &ColumnDef::name);
    const auto folded = [&] {
      const std::string lower = to_lower(s.name);
      return std::ranges::find_if(columns_, [&](const ColumnDef& c) { return to_lower(c.name) == lower; });
    };
    const auto found = exact != columns_.end() ? exact : folded();
    if (found == columns_.end()) return unknown_column(s);
    Bound bound{std::make_unique<Step>(), kind_of(found->type), false};
    bound.step->run = run_column;
    bound.step->column = static_cast<int>(found - columns_.begin());
    return bound;
  }
  std::unexpected<CompileError> unknown_column(const Syntax& s) {
    std::vector<std::string> names;
    for (const ColumnDef& c : columns_) names.push_back(c.name);
    return fail(s, fmt::format("there is no column \"{}\"{}", s.name, did_you_mean(s.name, names)));
  }

  // --- conversions

  // The value as a `to`; only conversions that cost less than kImpossible, or any cast where one was written.
  static BoundResult convert(const Syntax& s, Bound from, Kind to, Step::Run run = strict_run(1)) {
    if (is_free_cast(from.kind, to)) {
      from.kind = to, from.is_text_literal = false;
      return from;
    }
    const Function function = find_cast(from.kind, to);
    if (!function && from.kind == Kind::kDate)
      return convert(s, TRY(convert(s, std::move(from), Kind::kTimestamp)), to, run);
    if (!function) return fail(s, fmt::format("a {} cannot become a {}", kind_name(from.kind), kind_name(to)));
    const bool was_literal = from.is_text_literal;
    BoundArgs args;
    args.push_back(std::move(from));
    Bound converted = step(to, run, std::move(args), function);
    if (was_literal && run != run_try && !is_constant(converted)) {
      Scratch scratch;
      return fail(s, std::string(converted.step->evaluate({nullptr, scratch}).text));
    }
    return converted;
  }

  BoundResult cast(const Syntax& s, Step::Run run) {
    const auto target = find_cast_target(s.name);
    if (!target) return unknown_type(s);
    Bound value = TRY(convert(s, TRY(bind(s.args[0])), target->kind, run));
    const Function narrow = narrow_integer(target->integer_bytes);
    if (target->kind != Kind::kBigint || !narrow) return value;
    BoundArgs args;
    args.push_back(std::move(value));
    return step(Kind::kBigint, run, std::move(args), narrow);
  }
  static std::unexpected<CompileError> unknown_type(const Syntax& s) {
    static const std::vector<std::string> names = {"bigint",  "integer",   "double", "varchar",
                                                   "boolean", "timestamp", "date"};
    return fail(s, fmt::format("type {} is not supported here{}", s.name, did_you_mean(s.name, names)));
  }

  // A truth value; numbers are true where they are not zero.
  BoundResult condition(const Syntax& s, Bound value) {
    if (value.kind == Kind::kTimestamp || value.kind == Kind::kDate ||
        (value.kind == Kind::kVarchar && !value.is_text_literal))
      return fail(s, fmt::format("expected a condition, found a {}", kind_name(value.kind)));
    return convert(s, std::move(value), Kind::kBoolean);
  }

  // The one type that all of them can take, and they converted to it. Every `stride`-th, from `first` on.
  struct Every {
    std::size_t first = 0, stride = 1;
    bool and_last = false;
  };
  std::expected<Kind, CompileError> unify(const Syntax& s, BoundArgs& args, Every every) {
    std::vector<std::size_t> chosen;
    for (std::size_t i = every.first; i < args.size(); i += every.stride) chosen.push_back(i);
    if (every.and_last && (chosen.empty() || chosen.back() + 1 != args.size())) chosen.push_back(args.size() - 1);
    Bound common{nullptr, Kind::kNull, false};
    for (const std::size_t i : chosen) {
      const Bound& arg = args[i];
      const bool yields = common.is_text_literal && !arg.is_text_literal;
      if (arg.kind == Kind::kNull) continue;
      if (common.kind != Kind::kNull && !yields && conversion_cost(arg, common.kind) < kImpossible) continue;
      if (conversion_cost(common, arg.kind) == kImpossible)
        return std::unexpected(
            CompileError{s.args[i].offset, fmt::format("a {} and a {} do not go together here; write a cast",
                                                       kind_name(common.kind), kind_name(arg.kind))});
      common.kind = arg.kind, common.is_text_literal = arg.is_text_literal;
    }
    for (const std::size_t i : chosen) args[i] = TRY(convert(s.args[i], std::move(args[i]), common.kind));
    return common.kind;
  }

  // --- calls

  BoundResult call(const Syntax& s) {
    BoundArgs args;
    for (const Syntax& arg : s.args) args.push_back(TRY(bind(arg)));
    for (const Special& special : specials()) {
      if (special.name != s.name) continue;
      if (args.size() < special.least || args.size() > special.most) return wrong_count(s, special);
      return (this->*special.form)(s, std::move(args));
    }
    return strict_call(s, std::move(args));
  }

  static std::unexpected<CompileError> wrong_count(const Syntax& s, const Special& special) {
    if (special.least == special.most)
      return fail(s, fmt::format("{} takes {} arguments, not {}", s.name, special.least, s.args.size()));
    return fail(s, fmt::format("{} takes at least {} arguments, not {}", s.name, special.least, s.args.size()));
  }

  BoundResult strict_call(const Syntax& s, BoundArgs args) {
    const Signature* best = nullptr;
    int best_cost = kImpossible;
    for (const Signature& candidate : strict_functions()) {
      if (candidate.name != s.name || candidate.arguments.size() != args.size()) continue;
      int cost = 0;
      for (std::size_t i = 0; i < args.size(); ++i) cost += conversion_cost(args[i], candidate.arguments[i]);
      if (cost < best_cost) best = &candidate, best_cost = cost;
    }
    if (!best) return no_overload(s, args);
    for (std::size_t i = 0; i < args.size(); ++i)
      args[i] = TRY(convert(s.args[i], std::move(args[i]), best->arguments[i]));
    return step(best->result, strict_run(args.size()), std::move(args), best->function);
  }

  static std::string signature_text(std::string_view name, std::span<const Kind> kinds) {
    std::string list;
    for (const Kind kind : kinds) list += fmt::format("{}{}", list.empty() ? "" : ", ", kind_name(kind));
    return fmt::format("{}({})", name, list);
  }

  static std::unexpected<CompileError> no_overload(const Syntax& s, const BoundArgs& args) {
    std::string known;
    std::vector<std::string> names;
    for (const Special& special : specials()) names.emplace_back(special.name);
    for (const Signature& candidate : strict_functions()) {
      names.emplace_back(candidate.name);
      if (candidate.name == s.name)
        known += fmt::format("{}{}", known.empty() ? "" : ", ", signature_text(s.name, candidate.arguments));
    }
    if (known.empty()) return fail(s, fmt::format("there is no function {}{}", s.name, did_you_mean(s.name, names)));
    std::vector<Kind> kinds;
    for (const Bound& arg : args) kinds.push_back(arg.kind);
    return fail(s, fmt::format("there is no {}; there is {}", signature_text(s.name, kinds), known));
  }

  // --- what is not a plain function

  template <Step::Run Run>
  BoundResult logical(const Syntax& s, BoundArgs args) {
    for (std::size_t i = 0; i < 2; ++i) args[i] = TRY(condition(s.args[i], std::move(args[i])));
    return step(Kind::kBoolean, Run, std::move(args));
  }
  BoundResult negation(const Syntax& s, BoundArgs args) {
    args[0] = TRY(condition(s.args[0], std::move(args[0])));
    return strict_call(s, std::move(args));
  }
  BoundResult is_null(const Syntax&, BoundArgs args) { return step(Kind::kBoolean, run_is_null, std::move(args)); }

  // All arguments of one type, the answer a truth value.
  template <Step::Run Run>
  BoundResult test(const Syntax& s, BoundArgs args) {
    TRY(unify(s, args, {}));
    return step(Kind::kBoolean, Run, std::move(args));
  }
  // All arguments of one type, the answer one of them.
  template <Step::Run Run>
  BoundResult choice(const Syntax& s, BoundArgs args) {
    const Kind kind = TRY(unify(s, args, {}));
    return step(kind, Run, std::move(args));
  }

  BoundResult case_when(const Syntax& s, BoundArgs args) {
    for (std::size_t i = 0; i + 1 < args.size(); i += 2) args[i] = TRY(condition(s.args[i], std::move(args[i])));
    const Kind kind = TRY(unify(s, args, {.first = 1, .stride = 2, .and_last = true}));
    return step(kind, run_case, std::move(args));
  }
  // value, match, result, match, result, else
  BoundResult case_of(const Syntax& s, BoundArgs args) {
    Bound last = std::move(args.back());
    args.pop_back();
    TRY(unify_matches(s, args));
    args.push_back(std::move(last));
    const Kind kind = TRY(unify(s, args, {.first = 2, .stride = 2, .and_last = true}));
    return step(kind, run_case_of, std::move(args));
  }
  std::expected<void, CompileError> unify_matches(const Syntax& s, BoundArgs& args) {
    Syntax positions;
    BoundArgs compared;
    std::vector<std::size_t> from = {0};
    for (std::size_t i = 1; i < args.size(); i += 2) from.push_back(i);
    for (const std::size_t i : from) {
      compared.push_back(std::move(args[i]));
      positions.args.emplace_back().offset = s.args[i].offset;
    }
    TRY(unify(positions, compared, {}));
    for (std::size_t i = 0; i < from.size(); ++i) args[from[i]] = std::move(compared[i]);
    return {};
  }

  BoundResult joined(const Syntax& s, BoundArgs args) {
    for (std::size_t i = 0; i < args.size(); ++i) args[i] = TRY(convert(s.args[i], std::move(args[i]), Kind::kVarchar));
    if (s.name == "||") return strict_call(s, std::move(args));
    return step(Kind::kVarchar, run_concat, std::move(args));
  }

  std::expected<std::string_view, CompileError> part_of(const Syntax& s) {
    if (s.args[0].form == Syntax::Form::kLiteral && s.args[0].literal_kind == Kind::kVarchar)
      return s.args[0].literal_text;
    return fail(s.args[0], fmt::format("the first argument of {} must be a string such as 'hour'", s.name));
  }
  static std::unexpected<CompileError> unknown_part(const Syntax& s) {
    const std::string& part = s.args[0].literal_text;
    return fail(s.args[0],
                fmt::format("{} does not know the part \"{}\"{}", s.name, part, did_you_mean(part, date_part_names())));
  }
  BoundResult date_trunc(const Syntax& s, BoundArgs args) {
    const Function function = find_date_trunc(TRY(part_of(s)));
    if (!function) return unknown_part(s);
    BoundArgs time;
    time.push_back(TRY(convert_time(s, 1, std::move(args[1]))));
    return step(Kind::kTimestamp, strict_run(1), std::move(time), function);
  }
  BoundResult date_diff(const Syntax& s, BoundArgs args) {
    const Function function = find_date_diff(TRY(part_of(s)));
    if (!function) return unknown_part(s);
    BoundArgs times;
    for (const std::size_t i : {1, 2}) times.push_back(TRY(convert_time(s, i, std::move(args[i]))));
    return step(Kind::kBigint, strict_run(2), std::move(times), function);
  }
  BoundResult date_part(const Syntax& s, BoundArgs args) {
    const std::string_view function = find_date_part(TRY(part_of(s)));
    if (function.empty()) return unknown_part(s);
    Syntax plain;
    plain.offset = s.offset, plain.name = function;
    plain.args.emplace_back().offset = s.args[1].offset;
    BoundArgs value;
    value.push_back(std::move(args[1]));
    return strict_call(plain, std::move(value));
  }
  BoundResult convert_time(const Syntax& s, std::size_t argument, Bound value) {
    if (conversion_cost(value, Kind::kTimestamp) == kImpossible)
      return fail(s.args[argument], fmt::format("{} needs a timestamp, not a {}", s.name, kind_name(value.kind)));
    return convert(s.args[argument], std::move(value), Kind::kTimestamp);
  }

  std::span<const ColumnDef> columns_;
};

std::span<const Binder::Special> Binder::specials() {
  constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();
  static constexpr Special kSpecials[] = {
      {"and", 2, 2, &Binder::logical<run_and>},
      {"or", 2, 2, &Binder::logical<run_or>},
      {"not", 1, 1, &Binder::negation},
      {"is_null", 1, 1, &Binder::is_null},
      {"is_same", 2, 2, &Binder::test<run_is_same>},
      {"in", 2, kAny, &Binder::test<run_in>},
      {"between", 3, 3, &Binder::test<run_between>},
      {"coalesce", 1, kAny, &Binder::choice<run_coalesce>},
      {"ifnull", 2, 2, &Binder::choice<run_coalesce>},
      {"nullif", 2, 2, &Binder::choice<run_nullif>},
      {"least", 1, kAny, &Binder::choice<run_least>},
      {"greatest", 1, kAny, &Binder::choice<run_greatest>},
      {"if", 3, 3, &Binder::case_when},
      {"case", 3, kAny, &Binder::case_when},
      {"case_of", 4, kAny, &Binder::case_of},
      {"||", 2, 2, &Binder::joined},
      {"concat", 1, kAny, &Binder::joined},
      {"date_trunc", 2, 2, &Binder::date_trunc},
      {"datetrunc", 2, 2, &Binder::date_trunc},
      {"date_diff", 3, 3, &Binder::date_diff},
      {"datediff", 3, 3, &Binder::date_diff},
      {"date_part", 2, 2, &Binder::date_part},
      {"datepart", 2, 2, &Binder::date_part},
  };
  return kSpecials;
}

}  // namespace

std::expected<Bound, CompileError> bind(const Syntax& syntax, std::span<const ColumnDef> columns) {
  return Binder(columns).bind(syntax);
}

}  // namespace millrace::sql
