#include "db/sqlite/catalog.h"

#include <array>
#include <boost/describe.hpp>

#include "db/row.h"

namespace millrace::db {

namespace {

struct ColumnRow {
  std::string table, name, type;
  int key = 0;   // its place in the primary key, from 1
  int keys = 0;  // columns of the primary key
};
BOOST_DESCRIBE_STRUCT(ColumnRow, (), (table, name, type, key, keys))

struct ReferenceRow {
  std::string table, referenced;
};
BOOST_DESCRIBE_STRUCT(ReferenceRow, (), (table, referenced))

constexpr std::string_view kColumns = R"sql(
select tables.name, columns.name, lower(columns.type), columns.pk,
       (select count(*) from pragma_table_info(tables.name) as keys where keys.pk > 0)
from sqlite_master as tables
join pragma_table_info(tables.name) as columns
where tables.type = 'table' and tables.name not like 'sqlite\_%' escape '\'
order by tables.name, columns.cid
)sql";

constexpr std::string_view kReferences = R"sql(
select distinct tables.name, keys."table"
from sqlite_master as tables
join pragma_foreign_key_list(tables.name) as keys
where tables.type = 'table'
order by 1, 2
)sql";

Result<Type> type_of(const ColumnRow& column) {
  if (column.type == "integer") return Type::kInteger;
  if (column.type == "real") return Type::kReal;
  if (column.type == "text") return Type::kText;
  return fail(Code::kUnimplemented, "column {} of table {} is of the type \"{}\", which cannot be copied", column.name,
              column.table, column.type);
}

}  // namespace

Result<std::vector<Table>> SqliteCatalog::tables(Connection& connection) const {
  std::vector<Table> tables;
  for (ColumnRow& row : TRY(read_rows<ColumnRow>(TRY(connection.run(kColumns, {}))))) {
    if (tables.empty() || tables.back().name != row.table) tables.push_back({.name = row.table});
    const Type type = TRY(type_of(row));
    if (type == Type::kInteger && row.key == 1 && row.keys == 1) tables.back().numbered = row.name;
    tables.back().columns.push_back({std::move(row.name), type});
  }
  for (ReferenceRow& row : TRY(read_rows<ReferenceRow>(TRY(connection.run(kReferences, {}))))) {
    const auto table = std::ranges::find(tables, row.table, &Table::name);
    if (table != tables.end()) table->references.push_back(std::move(row.referenced));
  }
  return tables;
}

// Fixes the moment by a first read.
Result<void> SqliteCatalog::begin_snapshot(Connection& reader) const {
  return reader.script("begin; select count(*) from sqlite_master");
}

Result<void> SqliteCatalog::scan(Connection& connection, const std::string& query,
                                 const std::function<Result<void>(const Cursor&)>& row) const {
  Cursor cursor = TRY(connection.run(query, {}));
  while (TRY(cursor.next())) TRY(row(cursor));
  return {};
}

// Only an `autoincrement` table remembers numbers whose rows are gone.
Result<std::int64_t> SqliteCatalog::last_number(Connection& connection, const Table& table) const {
  const auto remembers = TRY(
      read_rows<bool>(TRY(connection.run("select count(*) from sqlite_master where name = 'sqlite_sequence'", {}))));
  const std::string query =
      fmt::format("select max(coalesce({}, 0), coalesce((select max({}) from {}), 0))",
                  remembers.front() ? "(select max(seq) from sqlite_sequence where name = ?)" : "0 * length(?)",
                  sql_name(table.numbered), sql_name(table.name));
  const std::array<Value, 1> name = {to_value(table.name)};
  return TRY(read_rows<std::int64_t>(TRY(connection.run(query, name)))).front();
}

Result<void> SqliteCatalog::set_last_number(Connection& connection, const Table& table, std::int64_t number) const {
  const std::array<Value, 1> name = {to_value(table.name)};
  const auto remembers = TRY(read_rows<bool>(TRY(connection.run(
      "select count(*) from sqlite_master where name = ? and lower(sql) like '%autoincrement%'", name))));
  if (!remembers.front()) return {};
  const std::array<Value, 2> values = {to_value(table.name), to_value(number)};
  TRY(TRY(connection.run("delete from sqlite_sequence where name = ?", name)).next());
  TRY(TRY(connection.run("insert into sqlite_sequence (name, seq) values (?, ?)", values)).next());
  return {};
}

}  // namespace millrace::db
