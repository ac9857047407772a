#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace millrace::cli {

// How values of the API read in a terminal. A value that is null or absent is "-".

// A member of an object; null where there is none, so that a newer or older server's answer still prints.
const Json& member(const Json& object, std::string_view key);

// Strings as they are, numbers to six digits, yes and no, lists with ", " between, objects as "key=value" pairs.
std::string cell(const Json& value);
std::string cell(const Json& object, std::string_view key);
// "" instead of "-".
std::string cell_or_empty(const Json& object, std::string_view key);

// "2001-03-01 06:00" for the API's "2001-03-01T06:00:00Z".
std::string short_time(const Json& object, std::string_view key);
// "2001-03-01" where it is midnight.
std::string short_date(const Json& object, std::string_view key);
// From one moment to another: "0.4 s", "12 s", "3 m 05 s", "2 h 10 m".
std::string elapsed(const Json& object, std::string_view from, std::string_view until);
std::string decimal(const Json& value, int digits);
// "3.2 MiB".
std::string bytes(const Json& value);
// Cut behind so many bytes, never within a character, with "..." for the rest.
std::string shortened(std::string text, std::size_t size);
// "v3".
std::string version(const Json& object, std::string_view key);
// The first eight characters, enough for `millrace run show`.
std::string short_id(const Json& object, std::string_view key);

}  // namespace millrace::cli
