#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace::pipelines {

// The values that ${...} may name: "params.weeks", "event_time", "run.id", each as JSON text.
using Names = std::map<std::string, std::string>;

// The NAMEs of all ${NAME} in a text, or in the strings of a JSON text. `$${` stands for `${` itself.
Result<std::vector<std::string>> names_in(std::string_view text);
Result<std::vector<std::string>> names_in_json(std::string_view json_text);
// In a shell command, where only ${params.X}, ${run.X} and ${event_time} are ours; the shell's own ${HOME} is left to
// it.
std::vector<std::string> names_in_command(std::string_view command);

// JSON text with all names replaced, inside of lists and objects too. A string that is nothing but one ${NAME} becomes
// the value with its type; a part of a string becomes text.
Result<std::string> substitute(std::string_view json_text, const Names& names);

// Puts values into a shell command. A value that the shell would not read as one plain word is refused: such values go
// to the command through `with`.
Result<std::string> substitute_command(std::string_view command, const Names& names);

}  // namespace millrace::pipelines
