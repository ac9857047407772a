#include <cmath>

#include "sql/function.h"

namespace millrace::sql {
namespace {

int compare_doubles(double a, double b) {
  if (a < b) return -1;
  if (a > b) return 1;
  return static_cast<int>(std::isnan(a)) - static_cast<int>(std::isnan(b));
}

constexpr bool equal(int order) { return order == 0; }
constexpr bool different(int order) { return order != 0; }
constexpr bool less(int order) { return order < 0; }
constexpr bool less_or_equal(int order) { return order <= 0; }
constexpr bool greater(int order) { return order > 0; }
constexpr bool greater_or_equal(int order) { return order >= 0; }

template <bool (*Test)(int)>
Value integers(const Value* a, Scratch&) {
  return Value::of(Test((a[0].integer > a[1].integer) - (a[0].integer < a[1].integer)));
}
template <bool (*Test)(int)>
Value doubles(const Value* a, Scratch&) {
  return Value::of(Test(compare_doubles(a[0].number, a[1].number)));
}
template <bool (*Test)(int)>
Value texts(const Value* a, Scratch&) {
  return Value::of(Test(a[0].text.compare(a[1].text)));
}

template <bool (*Test)(int)>
void add(std::vector<Signature>& table, std::string_view name) {
  constexpr Kind B = Kind::kBoolean;
  table.push_back({name, {Kind::kBigint, Kind::kBigint}, B, integers<Test>});
  table.push_back({name, {Kind::kDouble, Kind::kDouble}, B, doubles<Test>});
  table.push_back({name, {Kind::kVarchar, Kind::kVarchar}, B, texts<Test>});
  table.push_back({name, {Kind::kTimestamp, Kind::kTimestamp}, B, integers<Test>});
  table.push_back({name, {Kind::kBoolean, Kind::kBoolean}, B, integers<Test>});
  table.push_back({name, {Kind::kInterval, Kind::kInterval}, B, integers<Test>});
}

}  // namespace

int compare(const Value& a, const Value& b) {
  if (a.kind == Value::Kind::kText) return a.text.compare(b.text);
  if (a.kind == Value::Kind::kDouble) return compare_doubles(a.number, b.number);
  return (a.integer > b.integer) - (a.integer < b.integer);
}

std::span<const Signature> comparison_functions() {
  static const std::vector<Signature> table = [] {
    std::vector<Signature> list;
    add<equal>(list, "=");
    add<different>(list, "<>");
    add<less>(list, "<");
    add<less_or_equal>(list, "<=");
    add<greater>(list, ">");
    add<greater_or_equal>(list, ">=");
    list.push_back({"not", {Kind::kBoolean}, Kind::kBoolean, [](const Value* a, Scratch&) {
                      return Value::of(a[0].integer == 0);
                    }});
    return list;
  }();
  return table;
}

}  // namespace millrace::sql
