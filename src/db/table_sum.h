#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "db/catalog.h"

namespace millrace::db {

// What a table holds, in short.
struct TableSum {
  std::string name;
  std::int64_t rows = 0;
  std::string hash;  // of the rows, whatever their order: 64 hexadecimal digits

  bool operator==(const TableSum&) const = default;
};

// Sums up rows: the SHA-256 of each, added up modulo 2^64 in four lanes.
class RowSum {
 public:
  explicit RowSum(const Table& table) : table_(&table) {}

  void add(const Cursor& row);
  TableSum sum() const;

 private:
  const Table* table_;
  std::int64_t rows_ = 0;
  std::array<std::uint64_t, 4> lanes_{};
};

// `select COLUMN, ... from TABLE`, all columns in their order.
std::string select_all(const Table& table);

// Of all tables, by name, at one moment: `connection` is in a transaction.
Result<std::vector<TableSum>> sum_tables(const Catalog& catalog, Connection& connection);

}  // namespace millrace::db
