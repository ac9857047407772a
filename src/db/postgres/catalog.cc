#include "db/postgres/catalog.h"

#include <algorithm>
#include <boost/describe.hpp>
#include <functional>

#include "db/row.h"

namespace millrace::db {

namespace {

// Rows that are fetched at once.
constexpr int kFetch = 2000;

struct ColumnRow {
  std::string table, name, type;
  bool numbered = false;
};
BOOST_DESCRIBE_STRUCT(ColumnRow, (), (table, name, type, numbered))

struct ReferenceRow {
  std::string table, referenced;
};
BOOST_DESCRIBE_STRUCT(ReferenceRow, (), (table, referenced))

constexpr std::string_view kColumns = R"sql(
select tables.relname, columns.attname, format_type(columns.atttypid, null), columns.attidentity <> ''
from pg_class as tables
join pg_attribute as columns on columns.attrelid = tables.oid and columns.attnum > 0 and not columns.attisdropped
where tables.relkind = 'r' and tables.relnamespace = to_regnamespace(current_schema())
order by tables.relname collate "C", columns.attnum
)sql";

constexpr std::string_view kReferences = R"sql(
select distinct tables.relname::text, referenced.relname::text
from pg_constraint as keys
join pg_class as tables on tables.oid = keys.conrelid
join pg_class as referenced on referenced.oid = keys.confrelid
where keys.contype = 'f' and tables.relnamespace = to_regnamespace(current_schema())
order by 1, 2
)sql";

Result<Type> type_of(const ColumnRow& column) {
  if (column.type == "bigint") return Type::kInteger;
  if (column.type == "double precision") return Type::kReal;
  if (column.type == "text") return Type::kText;
  return fail(Code::kUnimplemented, "column {} of table {} is of the type \"{}\", which cannot be copied", column.name,
              column.table, column.type);
}

std::string sequence_of(const Table& table) {
  return fmt::format("pg_get_serial_sequence('{}', '{}')", sql_name(table.name), table.numbered);
}

}  // namespace

Result<std::vector<Table>> PostgresCatalog::tables(Connection& connection) const {
  std::vector<Table> tables;
  for (ColumnRow& row : TRY(read_rows<ColumnRow>(TRY(connection.run(kColumns, {}))))) {
    if (tables.empty() || tables.back().name != row.table) tables.push_back({.name = row.table});
    const Type type = TRY(type_of(row));
    if (row.numbered) tables.back().numbered = row.name;
    tables.back().columns.push_back({std::move(row.name), type});
  }
  for (ReferenceRow& row : TRY(read_rows<ReferenceRow>(TRY(connection.run(kReferences, {}))))) {
    const auto table = std::ranges::find(tables, row.table, &Table::name);
    if (table != tables.end()) table->references.push_back(std::move(row.referenced));
  }
  return tables;
}

Result<void> PostgresCatalog::begin_snapshot(Connection& reader) const {
  return reader.script("begin isolation level repeatable read read only");
}

Result<void> PostgresCatalog::scan(Connection& connection, const std::string& query,
                                   const std::function<Result<void>(const Cursor&)>& row) const {
  // A prepared fetch is of one shape of rows, so each query has its name.
  const std::string name = fmt::format("scan_{:x}", std::hash<std::string>()(query));
  TRY(connection.script(fmt::format("declare {} no scroll cursor for {}", name, query)));
  const std::string fetch = fmt::format("fetch {} from {}", kFetch, name);
  for (int fetched = kFetch; fetched == kFetch;) {
    fetched = 0;
    Cursor cursor = TRY(connection.run(fetch, {}));
    for (; TRY(cursor.next()); ++fetched) TRY(row(cursor));
  }
  return connection.script("close " + name);
}

Result<std::int64_t> PostgresCatalog::last_number(Connection& connection, const Table& table) const {
  const std::string query = fmt::format(
      "select greatest(coalesce((select last_value from pg_sequences where schemaname = current_schema() and "
      "format('%I.%I', schemaname, sequencename) = {}), 0), coalesce((select max({}) from {}), 0))",
      sequence_of(table), sql_name(table.numbered), sql_name(table.name));
  return TRY(read_rows<std::int64_t>(TRY(connection.run(query, {})))).front();
}

Result<void> PostgresCatalog::set_last_number(Connection& connection, const Table& table, std::int64_t number) const {
  return connection.script(
      fmt::format("select setval({}, {}, {})", sequence_of(table), std::max<std::int64_t>(number, 1), number > 0));
}

}  // namespace millrace::db
