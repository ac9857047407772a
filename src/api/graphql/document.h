#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace millrace::api::graphql {

// A GraphQL document (spec.graphql.org/October2021, section 2), as far as queries and mutations go: fields, aliases,
// arguments, variables with defaults, fragments by name and inline. Directives are read and passed over.

struct Selection {
  enum class Kind { kField, kSpread, kInline };

  Kind kind = Kind::kField;
  std::string alias;  // what the answer calls it; the name where there is none
  std::string name;   // of the field, or of the fragment that is spread
  bool has_alias = false;
  // Of a field, in JSON; where a variable stands it is {"$": "name"}.
  std::shared_ptr<const Json> arguments;
  std::vector<Selection> selections;  // of a field or an inline fragment
};

struct Operation {
  bool is_mutation = false;
  std::string name;
  std::shared_ptr<const Json> defaults;  // of its variables
  std::vector<Selection> selections;
};

struct Document {
  std::vector<Operation> operations;
  std::map<std::string, std::vector<Selection>> fragments;
};

// kInvalidArgument, "Syntax Error: ...", for what is not GraphQL, is nested more than 30 levels deep or longer than
// 100 000 bytes.
Result<Document> parse(std::string_view text);

// As MLflow's server has it: at most 10 fields at the root, 10 aliases at a level, 10 levels, 1000 fields in all,
// fragments counted where they are used. kInvalidArgument else, also where a fragment is missing or uses itself.
Result<void> check_limits(const Document& document, const Operation& operation);

// The fields that a list of selections comes to: fragments opened, what is asked for twice put together. The document
// has passed check_limits().
std::vector<Selection> fields_of(const Document& document, const std::vector<Selection>& selections);

}  // namespace millrace::api::graphql
