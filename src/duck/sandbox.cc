#include "duck/sandbox.h"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::duck {
namespace {

// Each column by its name where a file has it, else as a null of its type.
Result<std::string> select_list(Connection& connection, const SandboxView& view, const std::string& source) {
  if (view.columns.empty()) return "*";
  const std::vector<ColumnType> there = TRY(connection.describe("select * from " + source));
  std::string list;
  for (const ColumnType& column : view.columns) {
    const bool exists = std::ranges::find(there, column.name, &ColumnType::name) != there.end();
    list += fmt::format("{}{}::{} as {}", list.empty() ? "" : ", ", exists ? quote_identifier(column.name) : "null",
                        type_name(column.type), quote_identifier(column.name));
  }
  return list;
}

Result<void> create_view(Connection& connection, const SandboxView& view) {
  const std::string source = read_parquet_sql(view.files, ColumnMatch::kByName);
  const std::string columns = TRY(select_list(connection, view, source));
  TRY(connection.execute(
      fmt::format("create view {} as select {} from {}", quote_identifier(view.name), columns, source)));
  return {};
}

std::string allowed_paths(const std::vector<SandboxView>& views) {
  std::string list;
  for (const SandboxView& view : views) {
    for (const auto& file : view.files) list += (list.empty() ? "" : ", ") + quote_literal(file.string());
  }
  return "[" + list + "]";
}

}  // namespace

Sandbox::Sandbox(std::unique_ptr<Database> database) : database_(std::move(database)) {}

Result<std::unique_ptr<Sandbox>> Sandbox::open(const Options& options, const std::vector<SandboxView>& views) {
  std::unique_ptr<Database> database = TRY(Database::open(options));
  Connection connection = TRY(database->connect());
  for (const SandboxView& view : views) TRY(create_view(connection, view));
  TRY(connection.execute("set allowed_paths = " + allowed_paths(views)));
  TRY(connection.execute("set enable_external_access = false"));
  TRY(connection.execute("set lock_configuration = true"));
  return std::unique_ptr<Sandbox>(new Sandbox(std::move(database)));
}

Result<Connection> Sandbox::connect() { return database_->connect(); }

}  // namespace millrace::duck
