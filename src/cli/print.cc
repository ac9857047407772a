#include "cli/print.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "cli/text.h"

namespace millrace::cli {
namespace {

constexpr int kLargestPage = 1000;  // that the API answers at once

}  // namespace

void print_json(const Json& json) { fmt::print("{}\n", dump_json_pretty(json)); }

Result<Json> fetch_page(api::ApiClient& client, const std::string& target, int limit) {
  if (limit > 0 && limit <= kLargestPage)
    return client.get(fmt::format("{}{}limit={}", target, target.contains('?') ? '&' : '?', limit));
  auto items = TRY(client.list(target));
  bool more = limit > 0 && items.size() > static_cast<std::size_t>(limit);
  if (more) items.erase(items.begin() + limit, items.end());
  return Json{{"items", std::move(items)}, {"next", nullptr}};
}

Table table_of(const Json& items, std::vector<Column> columns, const RowOf& row) {
  Table table(std::move(columns));
  for (const auto& item : items) table.add(row(item));
  return table;
}

void print_page(const Options& options, const Json& page, const PageView& view) {
  if (options.json) return print_json(page);
  const auto& items = member(page, "items");
  if (items.empty()) {
    fmt::print("{}\n", view.empty);
    return;
  }
  fmt::print("{}", table_of(items, view.columns, view.row).text());
  if (member(page, "next").is_string()) fmt::print("(there are more; --limit 0 shows all)\n");
}

std::string section(std::string_view title, const Table& table) {
  return table.empty() ? std::string() : fmt::format("\n{}\n{}", title, table.text());
}

}  // namespace millrace::cli
