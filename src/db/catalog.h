#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "db/connection.h"

namespace millrace::db {

struct Column {
  std::string name;
  Type type;
};

struct Table {
  std::string name;
  std::vector<Column> columns;
  std::string numbered;                 // the column whose numbers the database draws; "" if there is none
  std::vector<std::string> references;  // the tables that its foreign keys name
};

// What a kind of database tells of its own tables, and how they are read whole.
class Catalog {
 public:
  virtual ~Catalog() = default;

  // All of millrace's tables, by name. kUnimplemented for a column of a type that is not ours.
  virtual Result<std::vector<Table>> tables(Connection& connection) const = 0;

  // Begins a transaction, ended by commit(), all of whose reads see one moment. For a reader.
  virtual Result<void> begin_snapshot(Connection& reader) const = 0;
  // Calls `row` with the cursor on each row of a query, which is never held in memory whole. In a transaction.
  virtual Result<void> scan(Connection& connection, const std::string& query,
                            const std::function<Result<void>(const Cursor&)>& row) const = 0;

  // The newest number that was drawn for a numbered table, even if its row is gone; 0 for none.
  virtual Result<std::int64_t> last_number(Connection& connection, const Table& table) const = 0;
  virtual Result<void> set_last_number(Connection& connection, const Table& table, std::int64_t number) const = 0;
};

// "name", as both kinds of database quote it.
std::string sql_name(const std::string& name);

}  // namespace millrace::db
