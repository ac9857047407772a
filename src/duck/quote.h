#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::duck {

// "name", with the double quotes inside doubled. Any text becomes one identifier.
std::string quote_identifier(std::string_view name);

// 'text', with the single quotes inside doubled. Any text becomes one string literal.
std::string quote_literal(std::string_view text);

// read_parquet(['a', 'b']), to stand in a from clause. The columns are the first file's; with `by_name` they are all
// that occur in any file, null where a file lacks one.
enum class ColumnMatch { kSame, kByName };
std::string read_parquet_sql(std::span<const std::filesystem::path> files, ColumnMatch match = ColumnMatch::kSame);

}  // namespace millrace::duck
