#include "db/copy.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <boost/describe.hpp>
#include <deque>
#include <optional>
#include <utility>

#include "db/home_lock.h"
#include "db/migrations.h"
#include "db/postgres/postgres.h"
#include "db/row.h"

namespace millrace::db {

namespace {

// Parameters of one insert; SQLite takes 32766.
constexpr std::size_t kMaxParameters = 2000;
constexpr std::size_t kMaxRows = 200;

struct StoredMigration {
  std::string module;
  std::int64_t number = 0;
  std::optional<std::string> sql;
};
BOOST_DESCRIBE_STRUCT(StoredMigration, (), (module, number, sql))

// A table after those that it refers to.
Result<std::vector<Table>> in_order(std::vector<Table> tables) {
  std::vector<Table> ordered;
  const auto placed = [&](const Table& table) {
    return std::ranges::all_of(table.references, [&](const std::string& name) {
      return name == table.name || std::ranges::find(ordered, name, &Table::name) != ordered.end();
    });
  };
  while (!tables.empty()) {
    const auto next = std::ranges::find_if(tables, placed);
    if (next == tables.end()) return internal_error("the tables refer to each other in a circle");
    ordered.push_back(std::move(*next));
    tables.erase(next);
  }
  return ordered;
}

// Rows on their way into a table, many to a statement.
class Inserter {
 public:
  Inserter(Connection& target, const Table& table)
      : target_(target),
        table_(table),
        rows_at_once_(std::clamp<std::size_t>(kMaxParameters / table.columns.size(), 1, kMaxRows)),
        full_sql_(sql(rows_at_once_)) {}

  Result<void> add(const Cursor& row) {
    for (std::size_t i = 0; i < table_.columns.size(); ++i) values_.push_back(value(row, static_cast<int>(i)));
    return ++rows_ == rows_at_once_ ? flush() : Result<void>();
  }

  Result<void> flush() {
    if (rows_ == 0) return {};
    TRY(TRY(target_.run(rows_ == rows_at_once_ ? full_sql_ : sql(rows_), values_)).next());
    values_.clear();
    texts_.clear();
    rows_ = 0;
    return {};
  }

 private:
  Value value(const Cursor& row, int column) {
    const Type type = table_.columns[static_cast<std::size_t>(column)].type;
    if (row.is_null(column)) return Null{type};
    if (type == Type::kInteger) return row.integer(column);
    if (type == Type::kReal) return row.real(column);
    return std::string_view(texts_.emplace_back(row.text(column)));
  }

  std::string sql(std::size_t rows) const {
    std::vector<std::string> names;
    for (const Column& column : table_.columns) names.push_back(sql_name(column.name));
    const std::string marks = fmt::format("({})", fmt::join(std::vector<std::string_view>(names.size(), "?"), ", "));
    return fmt::format("insert into {} ({}) values {}", sql_name(table_.name), fmt::join(names, ", "),
                       fmt::join(std::vector(rows, marks), ", "));
  }

  Connection& target_;
  const Table& table_;
  const std::size_t rows_at_once_;
  const std::string full_sql_;
  std::vector<Value> values_;
  std::deque<std::string> texts_;
  std::size_t rows_ = 0;
};

// One copying: both ends in a transaction.
class Copying {
 public:
  Copying(Backend& from, Connection& source, Backend& to, Connection& target)
      : from_(from), source_(source), to_(to), target_(target) {}

  Result<std::vector<TableSum>> run() {
    tables_ = TRY(in_order(TRY(from_.catalog().tables(source_))));
    if (tables_.empty()) return failed_precondition("{} holds nothing", from_.place());
    if (!TRY(to_.catalog().tables(target_)).empty()) {
      return failed_precondition("{} is not empty; copy into a new database", to_.place());
    }
    TRY(make_tables());
    TRY(clear_tables());
    std::vector<TableSum> sums;
    for (const Table& table : tables_) sums.push_back(TRY(copy_table(table)));
    std::ranges::sort(sums, {}, &TableSum::name);
    TRY(compare(sums));
    return sums;
  }

 private:
  // In what order the modules made their tables is not kept, so a module whose tables refer to another's waits for it.
  Result<void> make_tables() {
    TRY(target_.script(kMigrationTables));
    std::vector<StoredMigration> left = TRY(migrations());
    while (!left.empty()) {
      const std::size_t before = left.size();
      std::optional<std::string> waits;
      Result<void> fault;
      std::erase_if(left, [&](const StoredMigration& migration) {
        if (migration.module == waits) return false;
        auto made = make(migration);
        if (made) return true;
        waits = migration.module;
        fault = std::move(made);
        return false;
      });
      if (left.size() == before) return fault;
    }
    return {};
  }

  Result<void> make(const StoredMigration& migration) {
    if (!migration.sql) {
      return failed_precondition(
          "{} does not tell how its tables were made; start this millrace on it once, then copy it", from_.place());
    }
    TRY(target_.begin_part());
    const auto made = target_.script(*migration.sql);
    if (made) return target_.end_part();
    TRY(target_.undo_part());
    return made;
  }

  Result<std::vector<StoredMigration>> migrations() {
    const auto known = [](const Table& table) { return table.name == "migration_texts"; };
    if (std::ranges::none_of(tables_, known)) return std::vector<StoredMigration>(1);
    return read_rows<StoredMigration>(TRY(source_.run(R"sql(
select done.module, done.number, texts.sql
from schema_migrations as done
left join migration_texts as texts on texts.module = done.module and texts.number = done.number
order by done.module, done.number
)sql",
                                                      {})));
  }

  // Of what migrations put into them.
  Result<void> clear_tables() {
    for (auto table = tables_.rbegin(); table != tables_.rend(); ++table) {
      TRY(target_.script(fmt::format("delete from {}", sql_name(table->name))));
    }
    return {};
  }

  Result<TableSum> copy_table(const Table& table) {
    RowSum sum(table);
    Inserter inserter(target_, table);
    TRY(from_.catalog().scan(source_, select_all(table), [&](const Cursor& row) {
      sum.add(row);
      return inserter.add(row);
    }));
    TRY(inserter.flush());
    if (!table.numbered.empty()) {
      const std::int64_t last = TRY(from_.catalog().last_number(source_, table));
      TRY(to_.catalog().set_last_number(target_, table, last));
    }
    return sum.sum();
  }

  Result<void> compare(const std::vector<TableSum>& sums) {
    const std::vector<TableSum> arrived = TRY(sum_tables(to_.catalog(), target_));
    if (arrived.size() != sums.size()) {
      return data_loss("{} tables of {} became {} in {}", sums.size(), from_.place(), arrived.size(), to_.place());
    }
    for (std::size_t i = 0; i < sums.size(); ++i) {
      if (sums[i] != arrived[i]) {
        return data_loss("table {} did not arrive as it was: {} rows ({}) became {} ({})", sums[i].name, sums[i].rows,
                         sums[i].hash, arrived[i].rows, arrived[i].hash);
      }
    }
    return {};
  }

  Backend& from_;
  Connection& source_;
  Backend& to_;
  Connection& target_;
  std::vector<Table> tables_;
};

// A SQLite file lies in the home folder of the server that uses it; a PostgreSQL database is held by its writer.
Result<std::optional<HomeLock>> hold(const std::string& uri, const Backend& backend) {
  if (is_postgres_uri(uri)) return std::nullopt;
  const std::filesystem::path file = backend.place();
  if (!std::filesystem::exists(file)) return not_found("there is no database {}", file.string());
  return TRY(HomeLock::acquire(std::filesystem::absolute(file).parent_path()));
}

Result<std::unique_ptr<Connection>> open_source(const std::string& uri, Backend& backend, Source use) {
  if (use == Source::kHeld && is_postgres_uri(uri)) return backend.open_writer();
  return backend.open_reader();
}

}  // namespace

Result<std::vector<TableSum>> copy(const std::string& from, const std::string& to, Source use) {
  const auto source_backend = TRY(find_backend(from));
  const auto target_backend = TRY(find_backend(to));
  const auto held = use == Source::kHeld ? TRY(hold(from, *source_backend)) : std::nullopt;
  const auto source = TRY(open_source(from, *source_backend, use));
  const auto target = TRY(target_backend->open_writer());
  TRY(source_backend->catalog().begin_snapshot(*source));
  TRY(target->begin(Durability::kFull));
  auto sums = TRY(Copying(*source_backend, *source, *target_backend, *target).run());
  TRY(target->commit());
  return sums;
}

Result<std::vector<TableSum>> sum_database(const std::string& uri) {
  const auto backend = TRY(find_backend(uri));
  const auto connection = TRY(backend->open_reader());
  TRY(backend->catalog().begin_snapshot(*connection));
  return sum_tables(backend->catalog(), *connection);
}

}  // namespace millrace::db
