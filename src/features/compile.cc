#include "features/compile.h"

#include <algorithm>
#include <limits>

#include "base/suggest.h"

namespace millrace::features {
namespace {

// Builds a CompiledView. Expressions are checked against all columns of the source, then bound to those that are read.
class ViewCompiler {
 public:
  ViewCompiler(const FeatureViewSpec& spec, const SourceSchema& source, Diagnostics& diagnostics)
      : spec_(spec), source_(source), diagnostics_(diagnostics), view_(std::make_shared<CompiledView>()) {}

  std::shared_ptr<const CompiledView> run() {
    const std::size_t faults = diagnostics_.list.size();
    view_->spec = spec_;
    keep_columns();
    bind_keys();
    bind_times();
    if (!spec_.where.empty()) bind_where();
    for (const FeatureSpec& feature : spec_.features) bind_feature(feature);
    if (diagnostics_.list.size() > faults) return nullptr;
    return view_;
  }

 private:
  // Only what the view reads, so that a read of history brings no more.
  void keep_columns() {
    std::vector<bool> used(source_.columns.size(), false);
    const auto mark = [&](std::string_view name) {
      for (std::size_t i = 0; i < used.size(); ++i) used[i] = used[i] || source_.columns[i].name == name;
    };
    const auto mark_expression = [&](std::string_view text) {
      if (const auto expression = sql::Expression::compile(text, source_.columns))
        for (const int column : expression->columns_used()) used[static_cast<std::size_t>(column)] = true;
    };
    for (const Reference& entity : spec_.entities) mark(entity.name);
    mark(source_.event_time);
    if (spec_.event_time) mark(spec_.event_time->name);
    mark_expression(spec_.where);
    for (const FeatureSpec& feature : spec_.features) mark_expression(feature.sql);
    for (std::size_t i = 0; i < used.size(); ++i)
      if (used[i]) view_->columns.push_back(source_.columns[i]);
  }

  std::optional<std::size_t> find_column(const Reference& reference) {
    const auto found = std::ranges::find(view_->columns, reference.name, &sql::ColumnDef::name);
    if (found != view_->columns.end()) return found - view_->columns.begin();
    std::vector<std::string> names;
    for (const sql::ColumnDef& column : source_.columns) names.push_back(column.name);
    diagnostics_.add(reference.at, fmt::format("dataset {} has no column \"{}\"{}", spec_.source.name, reference.name,
                                               did_you_mean(reference.name, names)));
    return std::nullopt;
  }

  void bind_keys() {
    for (const Reference& entity : spec_.entities) {
      const auto column = find_column(entity);
      if (!column) continue;
      const sql::Type type = view_->columns[*column].type;
      if (type != sql::Type::kVarchar && type != sql::Type::kBigint)
        diagnostics_.add(entity.at, fmt::format("entity {} is a {}; an entity must be varchar or bigint", entity.name,
                                                sql::type_name(type)));
      view_->key_columns.push_back(*column);
    }
  }

  void bind_times() {
    const Reference known{source_.event_time, spec_.source.at};
    view_->known_column = find_column(known).value_or(0);
    view_->time_column =
        spec_.event_time ? find_column(*spec_.event_time).value_or(view_->known_column) : view_->known_column;
    if (spec_.event_time && !view_->columns.empty() && view_->columns[view_->time_column].type != sql::Type::kTimestamp)
      diagnostics_.add(spec_.event_time->at, fmt::format("event_time {} is not a timestamp", spec_.event_time->name));
  }

  void bind_where() {
    auto where = sql::Expression::compile(spec_.where, source_.columns);
    if (!where) return add_compile_error(where.error(), spec_.where, spec_.where_at, "where", diagnostics_);
    if (where->type() != sql::Type::kBoolean)
      return diagnostics_.add(spec_.where_at,
                              fmt::format("where is a {}, not a condition", sql::type_name(where->type())));
    view_->where = MUST(sql::Expression::compile(spec_.where, view_->columns));
  }

  void bind_feature(const FeatureSpec& feature) {
    const bool counts = feature.aggregate == Aggregate::kCount;
    const std::string text = counts && feature.sql == "*" ? "1" : feature.sql;
    const auto checked = sql::Expression::compile(text, source_.columns);
    if (!checked)
      return add_compile_error(checked.error(), text, feature.sql_at, fmt::format("feature {}", feature.name),
                               diagnostics_);
    if (!counts && !is_numeric(checked->type()))
      return diagnostics_.add(feature.sql_at, fmt::format("feature {} is a {}; features are numbers", feature.name,
                                                          sql::type_name(checked->type())));
    const std::string number =
        is_numeric(checked->type()) ? text : fmt::format("case when ({}) is not null then 1 end", text);
    auto bound = sql::Expression::compile(number, view_->columns);
    if (!bound)
      return diagnostics_.add(feature.sql_at, fmt::format("feature {}: {}", feature.name, bound.error().message));
    const std::size_t value = value_index(std::move(*bound));
    view_->value_of.push_back(value);
    reach(feature, value);
  }

  // The same expression is kept once.
  std::size_t value_index(sql::Expression expression) {
    const auto same = std::ranges::find(view_->values, expression.text(), &sql::Expression::text);
    if (same != view_->values.end()) return same - view_->values.begin();
    view_->values.push_back(std::move(expression));
    view_->layout.columns.push_back(Spread::kNotKept);
    return view_->values.size() - 1;
  }

  void reach(const FeatureSpec& feature, std::size_t value) {
    SeriesLayout& layout = view_->layout;
    if (feature.aggregate == Aggregate::kStddev) layout.columns[value] = Spread::kKept;
    if (feature.aggregate != Aggregate::kNewest)
      layout.longest = std::max(layout.longest, feature.window);
    else if (spec_.ttl)
      layout.longest = std::max(layout.longest, *spec_.ttl);
    else
      layout.unlimited_newest = true;
  }

  const FeatureViewSpec& spec_;
  const SourceSchema& source_;
  Diagnostics& diagnostics_;
  std::shared_ptr<CompiledView> view_;
};

}  // namespace

std::shared_ptr<const CompiledView> compile_view(const FeatureViewSpec& spec, const SourceSchema& source,
                                                 Diagnostics& diagnostics) {
  return ViewCompiler(spec, source, diagnostics).run();
}

void add_compile_error(const sql::CompileError& error, std::string_view text, Position at, std::string_view what,
                       Diagnostics& diagnostics) {
  if (!text.contains('\n')) at.column += static_cast<int>(error.offset);
  diagnostics.add(std::move(at), fmt::format("{}: {}", what, error.message));
}

bool is_numeric(sql::Type type) {
  return type == sql::Type::kBoolean || type == sql::Type::kBigint || type == sql::Type::kDouble;
}

double to_number(const sql::Value& value) {
  if (value.kind == sql::Value::Kind::kDouble) return value.number;
  if (value.kind == sql::Value::Kind::kInteger) return static_cast<double>(value.integer);
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace millrace::features
