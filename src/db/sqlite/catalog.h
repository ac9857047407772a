#pragma once

#include "db/catalog.h"

namespace millrace::db {

class SqliteCatalog final : public Catalog {
 public:
  Result<std::vector<Table>> tables(Connection& connection) const override;
  Result<void> begin_snapshot(Connection& reader) const override;
  Result<void> scan(Connection& connection, const std::string& query,
                    const std::function<Result<void>(const Cursor&)>& row) const override;
  Result<std::int64_t> last_number(Connection& connection, const Table& table) const override;
  Result<void> set_last_number(Connection& connection, const Table& table, std::int64_t number) const override;
};

}  // namespace millrace::db
