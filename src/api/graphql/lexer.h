#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace::api::graphql {

struct Token {
  enum class Kind { kName, kNumber, kText, kSymbol, kEnd };

  Kind kind = Kind::kEnd;
  std::string text;  // of kText: what is between the quotes, unescaped

  bool is(std::string_view symbol) const { return kind == Kind::kSymbol && text == symbol; }
};

// Ends with one kEnd. kInvalidArgument for characters and texts that GraphQL does not have.
Result<std::vector<Token>> tokenize(std::string_view text);

}  // namespace millrace::api::graphql
