#include <cmath>
#include <limits>
#include <numbers>

#include "sql/function.h"

namespace millrace::sql {
namespace {

constexpr Kind I = Kind::kBigint, D = Kind::kDouble, B = Kind::kBoolean;
constexpr std::string_view kOverflow = "integer out of range";

Value checked(bool overflow, std::int64_t result) { return overflow ? Value::error(kOverflow) : Value::of(result); }

Value add_integers(const Value* a, Scratch&) {
  std::int64_t r = 0;
  const bool overflow = __builtin_add_overflow(a[0].integer, a[1].integer, &r);
  return checked(overflow, r);
}
Value subtract_integers(const Value* a, Scratch&) {
  std::int64_t r = 0;
  const bool overflow = __builtin_sub_overflow(a[0].integer, a[1].integer, &r);
  return checked(overflow, r);
}
Value multiply_integers(const Value* a, Scratch&) {
  std::int64_t r = 0;
  const bool overflow = __builtin_mul_overflow(a[0].integer, a[1].integer, &r);
  return checked(overflow, r);
}
Value negate_integer(const Value* a, Scratch&) {
  std::int64_t r = 0;
  const bool overflow = __builtin_sub_overflow(std::int64_t{0}, a[0].integer, &r);
  return checked(overflow, r);
}
Value abs_integer(const Value* a, Scratch& s) { return a[0].integer < 0 ? negate_integer(a, s) : a[0]; }

bool overflows_division(const Value* a) {
  return a[0].integer == std::numeric_limits<std::int64_t>::min() && a[1].integer == -1;
}
Value divide_integers(const Value* a, Scratch&) {
  if (a[1].integer == 0) return Value::null();
  if (overflows_division(a)) return Value::error(kOverflow);
  return Value::of(a[0].integer / a[1].integer);
}
Value modulo_integers(const Value* a, Scratch&) {
  if (a[1].integer == 0) return Value::null();
  if (overflows_division(a)) return Value::of(std::int64_t{0});
  return Value::of(a[0].integer % a[1].integer);
}

Value add_doubles(const Value* a, Scratch&) { return Value::of(a[0].number + a[1].number); }
Value subtract_doubles(const Value* a, Scratch&) { return Value::of(a[0].number - a[1].number); }
Value multiply_doubles(const Value* a, Scratch&) { return Value::of(a[0].number * a[1].number); }
Value divide_doubles(const Value* a, Scratch&) { return Value::of(a[0].number / a[1].number); }
// DuckDB's // does not round doubles.
Value integer_divide_doubles(const Value* a, Scratch&) {
  return a[1].number == 0 ? Value::null() : Value::of(a[0].number / a[1].number);
}
Value modulo_doubles(const Value* a, Scratch&) { return Value::of(std::fmod(a[0].number, a[1].number)); }

Value round_to(const Value* a, Scratch&) {
  const double x = a[0].number;
  const std::int64_t digits = a[1].integer;
  if (digits < 0) {
    const double unit = std::pow(10, -static_cast<double>(digits));
    const double r = std::round(x / unit) * unit;
    return Value::of(std::isfinite(r) ? r : 0.0);
  }
  const double unit = std::pow(10, static_cast<double>(digits));
  const double r = std::round(x * unit) / unit;
  return Value::of(std::isfinite(r) ? r : x);
}
// To tens, hundreds... for negative digits, halves away from zero.
Value round_integer_to(const Value* a, Scratch&) {
  if (a[1].integer >= 0) return a[0];
  if (a[1].integer < -18) return Value::of(std::int64_t{0});
  std::int64_t unit = 1;
  for (std::int64_t i = 0; i > a[1].integer; --i) unit *= 10;
  const std::int64_t x = a[0].integer;
  std::int64_t r = 0;
  if (__builtin_add_overflow(x, x < 0 ? -unit / 2 : unit / 2, &r)) return Value::error(kOverflow);
  return Value::of(r / unit * unit);
}

template <double (*F)(double)>
Value real(const Value* a, Scratch&) {
  return Value::of(F(a[0].number));
}

template <double (*F)(double)>
Value angle(const Value* a, Scratch&) {
  return std::isinf(a[0].number) ? Value::error("input value is out of range") : Value::of(F(a[0].number));
}
Value square_root(const Value* a, Scratch&) {
  if (a[0].number < 0) return Value::error("cannot take square root of a negative number");
  return Value::of(std::sqrt(a[0].number));
}
template <double (*F)(double)>
Value logarithm(const Value* a, Scratch&) {
  if (a[0].number < 0) return Value::error("cannot take logarithm of a negative number");
  if (a[0].number == 0) return Value::error("cannot take logarithm of zero");
  return Value::of(F(a[0].number));
}
Value power(const Value* a, Scratch&) { return Value::of(std::pow(a[0].number, a[1].number)); }
Value arc_tangent(const Value* a, Scratch&) { return Value::of(std::atan2(a[0].number, a[1].number)); }
Value radians(const Value* a, Scratch&) { return Value::of(a[0].number * (std::numbers::pi / 180)); }
Value pi(const Value*, Scratch&) { return Value::of(std::numbers::pi); }
Value sign_of_double(const Value* a, Scratch&) {
  const double x = a[0].number;
  return Value::of(static_cast<std::int64_t>(x > 0) - static_cast<std::int64_t>(x < 0));
}
Value sign_of_integer(const Value* a, Scratch&) {
  const std::int64_t x = a[0].integer;
  return Value::of(static_cast<std::int64_t>(x > 0) - static_cast<std::int64_t>(x < 0));
}
Value is_nan(const Value* a, Scratch&) { return Value::of(std::isnan(a[0].number)); }
Value is_finite(const Value* a, Scratch&) { return Value::of(std::isfinite(a[0].number)); }

double abs_of(double x) { return std::fabs(x); }
double ceil_of(double x) { return std::ceil(x); }
double floor_of(double x) { return std::floor(x); }
double round_of(double x) { return std::round(x); }
double trunc_of(double x) { return std::trunc(x); }
double exp_of(double x) { return std::exp(x); }
double ln_of(double x) { return std::log(x); }
double log10_of(double x) { return std::log10(x); }
double log2_of(double x) { return std::log2(x); }
double sin_of(double x) { return std::sin(x); }
double cos_of(double x) { return std::cos(x); }
double tan_of(double x) { return std::tan(x); }
double minus_of(double x) { return -x; }

}  // namespace

std::span<const Signature> arithmetic_functions() {
  static const std::vector<Signature> table = {
      {"+", {I, I}, I, add_integers},
      {"+", {D, D}, D, add_doubles},
      {"-", {I, I}, I, subtract_integers},
      {"-", {D, D}, D, subtract_doubles},
      {"*", {I, I}, I, multiply_integers},
      {"*", {D, D}, D, multiply_doubles},
      {"/", {D, D}, D, divide_doubles},
      {"//", {I, I}, I, divide_integers},
      {"//", {D, D}, D, integer_divide_doubles},
      {"%", {I, I}, I, modulo_integers},
      {"%", {D, D}, D, modulo_doubles},
      {"mod", {I, I}, I, modulo_integers},
      {"mod", {D, D}, D, modulo_doubles},
      {"-", {I}, I, negate_integer},
      {"-", {D}, D, real<minus_of>},
      {"abs", {I}, I, abs_integer},
      {"abs", {D}, D, real<abs_of>},
      {"sign", {I}, I, sign_of_integer},
      {"sign", {D}, I, sign_of_double},
      {"ceil", {D}, D, real<ceil_of>},
      {"ceiling", {D}, D, real<ceil_of>},
      {"floor", {D}, D, real<floor_of>},
      {"trunc", {D}, D, real<trunc_of>},
      {"round", {I}, I, [](const Value* a, Scratch&) { return a[0]; }},
      {"round", {D}, D, real<round_of>},
      {"round", {I, I}, I, round_integer_to},
      {"round", {D, I}, D, round_to},
      {"sqrt", {D}, D, square_root},
      {"exp", {D}, D, real<exp_of>},
      {"ln", {D}, D, logarithm<ln_of>},
      {"log", {D}, D, logarithm<log10_of>},
      {"log10", {D}, D, logarithm<log10_of>},
      {"log2", {D}, D, logarithm<log2_of>},
      {"pow", {D, D}, D, power},
      {"power", {D, D}, D, power},
      {"^", {D, D}, D, power},
      {"**", {D, D}, D, power},
      {"sin", {D}, D, angle<sin_of>},
      {"cos", {D}, D, angle<cos_of>},
      {"tan", {D}, D, angle<tan_of>},
      {"atan2", {D, D}, D, arc_tangent},
      {"radians", {D}, D, radians},
      {"pi", {}, D, pi},
      {"isnan", {D}, B, is_nan},
      {"isfinite", {D}, B, is_finite},
  };
  return table;
}

}  // namespace millrace::sql
