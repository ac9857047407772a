#pragma once

#include <string_view>

namespace millrace::pipelines {

// A letter or "_", then letters, digits, "_" and "-": a name of a step, an input, an output, a param. So it can be a
// part of an artifact's key and, in upper case, of a variable's name.
bool is_name(std::string_view text);

}  // namespace millrace::pipelines
