#pragma once

#include <span>

#include "base/result.h"

// Shared libraries that are looked for when they are first needed, not when the program starts
// (cmake/MillraceLateLibrary.cmake makes the trampolines and, for each library, a `load_<name>`).
namespace millrace::late {

// Fills `table` with the addresses of `names` in the library: kUnavailable, saying what to do, where the library is
// neither beside the program nor where the system looks, or is another version that lacks a name.
Result<void> load(const char* library, std::span<const char* const> names, std::span<void (*)()> table);

// For a bug: a function of the library is called before it was loaded.
[[noreturn]] void call_before_load(const char* library);

}  // namespace millrace::late
