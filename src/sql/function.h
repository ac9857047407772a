#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/kind.h"
#include "sql/step.h"

namespace millrace::sql {

// One overload of a function or operator that answers null where an argument is null.
struct Signature {
  std::string_view name;
  std::vector<Kind> arguments;
  Kind result;
  Function function;
};

// The tables, one file for each kind of function.
std::span<const Signature> arithmetic_functions();
std::span<const Signature> comparison_functions();
std::span<const Signature> text_functions();
std::span<const Signature> time_functions();

// All of them.
const std::vector<Signature>& strict_functions();

// The function that makes a `to` of a `from`; nullptr where there is none. Values of one representation need none
// (kBigint to kBigint); see is_free_cast.
Function find_cast(Kind from, Kind to);
bool is_free_cast(Kind from, Kind to);

// The type that a cast names: "bigint", "text", ... and the bounds of a narrower integer.
struct CastTarget {
  Kind kind;
  int integer_bytes = 8;
};
std::optional<CastTarget> find_cast_target(std::string_view type_word);
// Refuses integers that do not fit into so many bytes.
Function narrow_integer(int bytes);

// date_trunc and date_diff with the part already known; nullptr where there is no such part.
Function find_date_trunc(std::string_view part);
Function find_date_diff(std::string_view part);
// The function that date_part('PART', ...) stands for: "hour" for "hours"; empty where there is none.
std::string_view find_date_part(std::string_view part);
const std::vector<std::string>& date_part_names();

// DuckDB's order: NaN equals itself and is greater than any number. Negative, 0 or positive. Both of one kind.
int compare(const Value& a, const Value& b);

}  // namespace millrace::sql
