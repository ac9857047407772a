#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "api/client.h"
#include "cli/cli.h"
#include "cli/table.h"

namespace millrace::cli {

// The API's answer, indented, on standard output.
void print_json(const Json& json);

// {"items", "next"}: the first `limit` items of a paged list, all for 0.
Result<Json> fetch_page(api::ApiClient& client, const std::string& target, int limit);

using RowOf = std::function<std::vector<std::string>(const Json& item)>;

// An item a row.
Table table_of(const Json& items, std::vector<Column> columns, const RowOf& row);

// A page as the command shows it: as JSON with --json, else as a table, or where it is empty as what to do next.
struct PageView {
  std::vector<Column> columns;
  RowOf row;
  std::string_view empty;
};
void print_page(const Options& options, const Json& page, const PageView& view);

// A titled table within a `show`; "" where it has no rows.
std::string section(std::string_view title, const Table& table);

inline constexpr std::string_view kDeclareHint =
    "declare one in a project (`millrace schema` shows the kinds of documents) and run `millrace apply FOLDER`";

}  // namespace millrace::cli
