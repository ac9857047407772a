#include "sql/run.h"

#include <algorithm>
#include <array>

#include "sql/function.h"

namespace millrace::sql {
namespace {

Value run_strict_0(const Step& step, const Frame& frame) { return step.function(nullptr, frame.scratch); }

Value run_strict_1(const Step& step, const Frame& frame) {
  const Value a = step.args[0]->evaluate(frame);
  return a.is_present() ? step.function(&a, frame.scratch) : a;
}

Value run_strict_2(const Step& step, const Frame& frame) {
  const Value a[] = {step.args[0]->evaluate(frame), step.args[1]->evaluate(frame)};
  if (a[0].is_present() && a[1].is_present()) [[likely]]
    return step.function(a, frame.scratch);
  return a[0].is_error() ? a[0] : a[1].is_error() ? a[1] : Value::null();
}

Value run_strict_3(const Step& step, const Frame& frame) {
  std::array<Value, 3> a;
  bool present = true;
  for (std::size_t i = 0; i < 3; ++i) a[i] = step.args[i]->evaluate(frame), present = present && a[i].is_present();
  if (present) return step.function(a.data(), frame.scratch);
  const auto error = std::ranges::find_if(a, &Value::is_error);
  return error != a.end() ? *error : Value::null();
}

// Three-valued and: `decisive` (false for and, true for or) settles it whatever the other side is.
Value run_logical(const Step& step, const Frame& frame, bool decisive) {
  const Value a = step.args[0]->evaluate(frame);
  if (a.is_error() || (a.is_present() && (a.integer != 0) == decisive)) return a;
  const Value b = step.args[1]->evaluate(frame);
  if (b.is_error() || (b.is_present() && (b.integer != 0) == decisive)) return b;
  return a.is_null() ? a : b;
}

Value run_extreme(const Step& step, const Frame& frame, int sign) {
  Value best;
  for (const auto& arg : step.args) {
    const Value v = arg->evaluate(frame);
    if (v.is_error()) return v;
    if (v.is_present() && (best.is_null() || sign * compare(v, best) > 0)) best = v;
  }
  return best;
}

}  // namespace

Value run_constant(const Step& step, const Frame&) { return step.constant; }
Value run_column(const Step& step, const Frame& frame) { return frame.row[step.column]; }

Step::Run strict_run(std::size_t arguments) {
  static constexpr std::array<Step::Run, kMaxStrictArguments + 1> kRuns = {run_strict_0, run_strict_1, run_strict_2,
                                                                           run_strict_3};
  return kRuns[arguments];
}

Value run_try(const Step& step, const Frame& frame) {
  const Value a = step.args[0]->evaluate(frame);
  if (!a.is_present()) return a;
  const Value result = step.function(&a, frame.scratch);
  return result.is_error() ? Value::null() : result;
}

Value run_and(const Step& step, const Frame& frame) { return run_logical(step, frame, false); }
Value run_or(const Step& step, const Frame& frame) { return run_logical(step, frame, true); }

Value run_is_null(const Step& step, const Frame& frame) {
  const Value v = step.args[0]->evaluate(frame);
  return v.is_error() ? v : Value::of(v.is_null());
}

Value run_is_same(const Step& step, const Frame& frame) {
  const Value a = step.args[0]->evaluate(frame), b = step.args[1]->evaluate(frame);
  if (a.is_error() || b.is_error()) return a.is_error() ? a : b;
  if (a.is_null() || b.is_null()) return Value::of(a.is_null() && b.is_null());
  return Value::of(compare(a, b) == 0);
}

Value run_coalesce(const Step& step, const Frame& frame) {
  for (const auto& arg : step.args)
    if (const Value v = arg->evaluate(frame); !v.is_null()) return v;
  return {};
}

Value run_case(const Step& step, const Frame& frame) {
  for (std::size_t i = 0; i + 1 < step.args.size(); i += 2) {
    const Value condition = step.args[i]->evaluate(frame);
    if (condition.is_error()) return condition;
    if (condition.is_present() && condition.integer != 0) return step.args[i + 1]->evaluate(frame);
  }
  return step.args.back()->evaluate(frame);
}

Value run_case_of(const Step& step, const Frame& frame) {
  const Value value = step.args[0]->evaluate(frame);
  if (value.is_error()) return value;
  for (std::size_t i = 1; i + 1 < step.args.size(); i += 2) {
    const Value match = step.args[i]->evaluate(frame);
    if (match.is_error()) return match;
    if (value.is_present() && match.is_present() && compare(value, match) == 0)
      return step.args[i + 1]->evaluate(frame);
  }
  return step.args.back()->evaluate(frame);
}

Value run_nullif(const Step& step, const Frame& frame) {
  const Value a = step.args[0]->evaluate(frame), b = step.args[1]->evaluate(frame);
  if (a.is_error() || b.is_error()) return a.is_error() ? a : b;
  return a.is_present() && b.is_present() && compare(a, b) == 0 ? Value::null() : a;
}

Value run_least(const Step& step, const Frame& frame) { return run_extreme(step, frame, -1); }
Value run_greatest(const Step& step, const Frame& frame) { return run_extreme(step, frame, 1); }

Value run_in(const Step& step, const Frame& frame) {
  const Value value = step.args[0]->evaluate(frame);
  if (!value.is_present()) return value;
  bool unknown = false;
  for (std::size_t i = 1; i < step.args.size(); ++i) {
    const Value item = step.args[i]->evaluate(frame);
    if (item.is_error()) return item;
    if (item.is_null())
      unknown = true;
    else if (compare(value, item) == 0)
      return Value::of(true);
  }
  return unknown ? Value::null() : Value::of(false);
}

Value run_between(const Step& step, const Frame& frame) {
  const Value value = step.args[0]->evaluate(frame);
  const Value low = step.args[1]->evaluate(frame), high = step.args[2]->evaluate(frame);
  for (const Value& v : {value, low, high})
    if (v.is_error()) return v;
  if (value.is_null()) return value;
  if (low.is_present() && compare(value, low) < 0) return Value::of(false);
  if (high.is_present() && compare(value, high) > 0) return Value::of(false);
  return low.is_null() || high.is_null() ? Value::null() : Value::of(true);
}

Value run_concat(const Step& step, const Frame& frame) {
  std::string_view text;
  for (const auto& arg : step.args) {
    const Value v = arg->evaluate(frame);
    if (v.is_error()) return v;
    if (v.is_null() || v.text.empty()) continue;
    char* to = frame.scratch.take(text.size() + v.text.size());
    std::ranges::copy(v.text, std::ranges::copy(text, to).out);
    text = {to, text.size() + v.text.size()};
  }
  return Value::of(text);
}

}  // namespace millrace::sql
