#include "db/table_sum.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <charconv>
#include <cstring>

#include "base/hash.h"

namespace millrace::db {

namespace {

void append(std::string& out, std::uint64_t bits) { out.append(reinterpret_cast<const char*>(&bits), sizeof bits); }

// No two rows of a table read the same: each value begins with its kind, and text with its length.
void append(std::string& out, const Cursor& row, int column, Type type) {
  if (row.is_null(column)) {
    out += '0';
    return;
  }
  if (type == Type::kText) {
    const std::string_view text = row.text(column);
    append(out += 't', text.size());
    out += text;
  } else if (type == Type::kReal) {
    append(out += 'r', std::bit_cast<std::uint64_t>(row.real(column)));
  } else {
    append(out += 'i', std::bit_cast<std::uint64_t>(row.integer(column)));
  }
}

}  // namespace

void RowSum::add(const Cursor& row) {
  std::string bytes;
  for (std::size_t i = 0; i < table_->columns.size(); ++i) {
    append(bytes, row, static_cast<int>(i), table_->columns[i].type);
  }
  const std::string digest = sha256(bytes);
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
    std::uint64_t part = 0;
    std::from_chars(digest.data() + 16 * lane, digest.data() + 16 * (lane + 1), part, 16);
    lanes_[lane] += part;
  }
  ++rows_;
}

TableSum RowSum::sum() const {
  return {table_->name, rows_, fmt::format("{:016x}{:016x}{:016x}{:016x}", lanes_[0], lanes_[1], lanes_[2], lanes_[3])};
}

std::string select_all(const Table& table) {
  std::vector<std::string> columns;
  for (const Column& column : table.columns) columns.push_back(sql_name(column.name));
  return fmt::format("select {} from {}", fmt::join(columns, ", "), sql_name(table.name));
}

Result<std::vector<TableSum>> sum_tables(const Catalog& catalog, Connection& connection) {
  std::vector<TableSum> sums;
  for (const Table& table : TRY(catalog.tables(connection))) {
    RowSum sum(table);
    TRY(catalog.scan(connection, select_all(table), [&](const Cursor& row) -> Result<void> {
      sum.add(row);
      return {};
    }));
    sums.push_back(sum.sum());
  }
  return sums;
}

}  // namespace millrace::db
