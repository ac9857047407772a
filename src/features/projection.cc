#include "features/projection.h"

#include <cstring>

#include "base/suggest.h"
#include "features/compile.h"

namespace millrace::features {
namespace {

bool fits(duck::Type has, sql::Type wanted) {
  return static_cast<int>(has) == static_cast<int>(wanted) ||
         (has == duck::Type::kBigint && wanted == sql::Type::kDouble);
}

void append_field(std::string& buffer, std::string_view bytes) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  buffer.append(reinterpret_cast<const char*>(&size), sizeof(size));
  buffer.append(bytes);
}

std::string_view bytes_of(const sql::Value& value) {
  if (value.kind == sql::Value::Kind::kText) return value.text;
  return {reinterpret_cast<const char*>(&value.integer), sizeof(value.integer)};
}

}  // namespace

sql::Value cell(const duck::Column& column, std::size_t row) {
  if (column.is_null(row)) return {};
  switch (column.type) {
    case duck::Type::kDouble:
      return sql::Value::of(column.doubles[row]);
    case duck::Type::kVarchar:
      return sql::Value::of(std::string_view(column.strings[row]));
    case duck::Type::kBoolean:
    case duck::Type::kBigint:
    case duck::Type::kTimestamp:
      break;
  }
  return sql::Value::of(column.ints[row]);
}

Result<std::vector<const duck::Column*>> find_columns(const duck::Table& table, std::span<const sql::ColumnDef> wanted,
                                                      std::string_view what) {
  std::vector<const duck::Column*> found;
  for (const sql::ColumnDef& want : wanted) {
    const duck::Column* column = table.find(want.name);
    if (!column) {
      std::vector<std::string> names;
      for (const duck::Column& has : table.columns) names.push_back(has.name);
      return invalid_argument("{} has no column \"{}\"{}", what, want.name, did_you_mean(want.name, names));
    }
    if (!fits(column->type, want.type))
      return invalid_argument("column {} of {} is {}, not {}", want.name, what, duck::type_name(column->type),
                              sql::type_name(want.type));
    found.push_back(column);
  }
  return found;
}

std::optional<std::string_view> encode_key(std::span<const sql::Value> entities, std::string& buffer) {
  for (const sql::Value& entity : entities)
    if (!entity.is_present()) return std::nullopt;
  if (entities.size() == 1 && entities[0].kind == sql::Value::Kind::kText) return entities[0].text;
  buffer.clear();
  for (const sql::Value& entity : entities) append_field(buffer, bytes_of(entity));
  return buffer;
}

Projection::Projection(const CompiledView& view, std::vector<const duck::Column*> columns)
    : view_(&view),
      columns_(std::move(columns)),
      row_(columns_.size()),
      entities_(view.key_columns.size()),
      values_(view.values.size()) {}

Result<Projection> Projection::open(const CompiledView& view, const duck::Table& table) {
  return Projection(view, TRY(find_columns(table, view.columns, fmt::format("dataset {}", view.spec.source.name))));
}

std::optional<Projection::Row> Projection::read(std::size_t row) {
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    row_[c] = cell(*columns_[c], row);
    if (view_->columns[c].type == sql::Type::kDouble && row_[c].kind == sql::Value::Kind::kInteger)
      row_[c] = sql::Value::of(static_cast<double>(row_[c].integer));
  }
  const sql::Value time = row_[view_->time_column], known = row_[view_->known_column];
  if (time.is_null() || known.is_null()) return std::nullopt;
  for (std::size_t i = 0; i < entities_.size(); ++i) entities_[i] = row_[view_->key_columns[i]];
  const auto key = encode_key(entities_, key_);
  if (!key) return std::nullopt;
  scratch_.clear();
  if (view_->where) {
    const sql::Value passes = view_->where->evaluate(row_, scratch_);
    if (!passes.is_present() || passes.integer == 0) return std::nullopt;
  }
  return Row{*key, {time.integer}, {known.integer}};
}

std::span<const double> Projection::values() {
  for (std::size_t i = 0; i < values_.size(); ++i) values_[i] = to_number(view_->values[i].evaluate(row_, scratch_));
  return values_;
}

}  // namespace millrace::features
