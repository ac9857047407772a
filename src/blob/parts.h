#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "blob/blob.h"

// What the backends' uploads in parts have in common.
namespace millrace::blob {

// The name of the empty file that says that a part is there: "NUMBER-SIZE-SHA256".
std::string marker_of(const Part& part);
std::optional<Part> parse_marker(std::string_view name);

// kInvalidArgument where an upload cannot have so many parts.
Result<void> check_count(int parts);
std::unexpected<Error> no_such_part(int number, int count);
std::unexpected<Error> no_such_upload(std::string_view id);
// Whether `named`, by the client, are the `count` parts that are there.
Result<void> check_parts(int count, const std::map<int, Part>& there, std::span<const Part> named);
// Of a part with bytes of which `written` have come, `more` of them now; and at the end.
Result<void> check_more(const Part& part, std::uint64_t written, std::size_t more);
Result<void> check_end(const Part& part, std::uint64_t written);
// All parts but the last are of this size.
std::unexpected<Error> other_size(int number, std::uint64_t size, std::uint64_t expected);

}  // namespace millrace::blob
