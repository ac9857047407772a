#pragma once

#include "sql/step.h"

namespace millrace::sql {

// How steps run; see Step::run.
Value run_constant(const Step& step, const Frame& frame);
Value run_column(const Step& step, const Frame& frame);

// Null where an argument is null, an error where one is an error; else the step's function.
Step::Run strict_run(std::size_t arguments);
constexpr std::size_t kMaxStrictArguments = 3;

// A cast whose failure is null.
Value run_try(const Step& step, const Frame& frame);

Value run_and(const Step& step, const Frame& frame);
Value run_or(const Step& step, const Frame& frame);
Value run_is_null(const Step& step, const Frame& frame);
Value run_is_same(const Step& step, const Frame& frame);  // is not distinct from
Value run_coalesce(const Step& step, const Frame& frame);
Value run_case(const Step& step, const Frame& frame);     // condition, result, ..., else
Value run_case_of(const Step& step, const Frame& frame);  // value, match, result, ..., else
Value run_nullif(const Step& step, const Frame& frame);
Value run_least(const Step& step, const Frame& frame);
Value run_greatest(const Step& step, const Frame& frame);
Value run_in(const Step& step, const Frame& frame);
Value run_between(const Step& step, const Frame& frame);
Value run_concat(const Step& step, const Frame& frame);

}  // namespace millrace::sql
