#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace millrace::registry {

// What a model was made with and wants to be loaded with, as its folder says.
struct Environment {
  std::string python;                 // "3.11.2"; or empty
  std::vector<std::string> packages;  // "xgboost==1.7.4", as pip reads them; at most 500
};

// From the text of the folder's python_env.yaml and requirements.txt; either may be empty. Options and addresses for
// pip (lines that begin with a dash) are left out.
Environment read_environment(std::string_view python_env, std::string_view requirements);

}  // namespace millrace::registry
