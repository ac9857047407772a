#include "search/query.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "search/condition.h"

namespace millrace::search {

namespace {

void split(Tree<Clause> tree, Query& query) {
  if (tree.kind != Tree<Clause>::Kind::kAll) {
    (has_pattern(tree) ? query.residual.parts : query.conditions).push_back(std::move(tree));
    return;
  }
  for (Tree<Clause>& part : tree.parts) split(std::move(part), query);
}

// The parts of one statement, put together in the order in which SQL has them.
class Select {
 public:
  Select(const Query& query, const Plan& plan, int part) : query_(query), schema_(query.schema()) {
    start(plan, part);
    scope();
    if (!query.request.where.empty()) require(query.request.where);
    for (const Tree<Clause>& tree : query.conditions) require(condition(tree, number_));
  }

  Statement ordered() {
    Statement order = ordering();
    Statement out("select ");
    out.add(schema_.number).add(" from ").add(from_).add(joins_);
    if (!where_.empty()) out.add(" where ").add(where_);
    return out.add(" order by ").add(order).add(" limit ? offset ?");
  }

  Statement counted() {
    Statement out("select count(*) from ");
    out.add(from_);
    if (!where_.empty()) out.add(" where ").add(where_);
    return out;
  }

 private:
  void require(const Statement& condition) {
    if (!where_.empty()) where_.add(" and ");
    where_.add(condition);
  }

  // CROSS JOIN keeps SQLite to the order of the tables; PostgreSQL finds its own. That conditions ask for the owner and
  // not for the row it belongs to lets SQLite test them before it reads that row.
  void begin_at(const Source& source, const Statement& rows) {
    from_.add("(select ").add(source.owner).add(" as owner, ").add(source.value).add(" as value from ");
    from_.add(source.from).add(" where ").add(rows).add(") start cross join ").add(schema_.table);
    number_ = "start.owner";
    require(Statement(schema_.number).add(" = start.owner"));
  }

  void start(const Plan& plan, int part) {
    if (plan.start == Plan::Start::kSet) {
      const Clause& clause = *startable(query_)[plan.set];
      return begin_at(clause.reference.source, row_condition(clause));
    }
    if (plan.start == Plan::Start::kOrder) return start_walk(part);
    from_.add(schema_.table);
    loose_ = plan.loose;
  }

  void start_walk(int part) {
    const Reference& first = query_.terms.front().reference;
    const Source& source = first.source;
    Statement rows(source.key);
    rows.add(" = ").value(first.key);
    skipped_ = 1;
    if (part == 2) {
      from_.add(schema_.table);
      Statement none("not exists (select 1 from ");
      none.add(source.from).add(" where ").add(source.owner).add(" = ").add(schema_.number);
      return require(none.add(" and ").add(rows).add(")"));
    }
    begin_at(source, rows.add(" and ").add(source.nan).add(part == 0 ? " = 0" : " = 1"));
    if (part == 0) order_.add("start.value").add(direction(query_.terms.front()));
  }

  void scope() {
    if (query_.request.scope) require(in_scope(*query_.request.scope, loose_ ? "+" : ""));
  }

  static std::string_view direction(const OrderTerm& term) {
    return term.direction == Direction::kDescending ? " desc" : "";
  }

  Statement ordering() {
    for (std::size_t i = skipped_; i < query_.terms.size(); ++i) add_term(query_.terms[i], i);
    const auto& columns = query_.terms.empty() ? schema_.default_order : schema_.ties;
    for (const OrderColumn& column : columns) {
      const bool known = std::ranges::any_of(
          query_.terms, [&](const OrderTerm& term) { return term.reference.column == column.column; });
      if (known) continue;
      comma();
      order_.add(column.column).add(column.descending ? " desc" : "");
    }
    return order_;
  }

  void comma() {
    if (!order_.empty()) order_.add(", ");
  }

  void add_term(const OrderTerm& term, std::size_t index) {
    const Reference& reference = term.reference;
    comma();
    if (reference.is_column()) {
      if (reference.nulls == Nulls::kPossible) order_.add("(").add(reference.column).add(" is null), ");
      order_.add(reference.column).add(direction(term));
      return;
    }
    const std::string name = fmt::format("o{}", index);
    join(reference, name);
    const std::string nan = reference.source.nan.empty() ? "" : fmt::format("when {}.nan = 1 then 1 ", name);
    order_.add(
        fmt::format("(case when {0}.owner is null then 2 {1}else 0 end), {0}.value{2}", name, nan, direction(term)));
  }

  void join(const Reference& reference, const std::string& name) {
    const Source& source = reference.source;
    joins_.add(fmt::format(" left join (select {} as owner, {} as value", source.owner, source.value));
    if (!source.nan.empty()) joins_.add(fmt::format(", {} as nan", source.nan));
    joins_.add(fmt::format(" from {} where {} = ", source.from, source.key)).value(reference.key);
    joins_.add(fmt::format(") {0} on {0}.owner = {1}", name, number_));
  }

  const Query& query_;
  const Schema& schema_;
  std::string_view number_ = schema_.number;
  Statement from_;
  Statement joins_;
  Statement where_;
  Statement order_;
  std::size_t skipped_ = 0;  // terms that the start has taken care of
  bool loose_ = false;
};

// Whether the index of the clause's rows finds those that fit.
bool narrows(const Clause& clause) {
  const Op op = clause.op;
  const Reference& reference = clause.reference;
  if (reference.when_missing) return false;
  if (reference.source.index == Index::kPrefix) return op == Op::kEqual || op == Op::kIn;
  return reference.source.index == Index::kNumber && op != Op::kNotEqual && op != Op::kNotIn && op != Op::kIsNull &&
         op != Op::kIsNotNull;
}

}  // namespace

Result<Query> read(const Request& request) {
  Query query{.request = request, .residual = {.kind = Tree<Clause>::Kind::kAll}};
  split(TRY(bind(TRY(parse_filter(request.filter)), request.schema, request.now)), query);
  query.terms = TRY(bind_order(request.order_by, request.schema));
  return query;
}

Statement in_scope(const Scope& scope, std::string_view sign) {
  Statement out(sign);
  out.add(scope.column);
  // One value keeps to the order of the table's index; no value is no row.
  if (scope.values.size() == 1) return out.add(" = ").value(scope.values.front());
  std::string list = fmt::format("[{}]", fmt::join(scope.values, ","));
  return out.add(" in (select cast(value as bigint) from json_each(").value(std::move(list)).add("))");
}

std::vector<const Clause*> startable(const Query& query) {
  std::vector<const Clause*> clauses;
  for (const Tree<Clause>& tree : query.conditions) {
    if (tree.kind == Tree<Clause>::Kind::kLeaf && narrows(tree.leaf)) clauses.push_back(&tree.leaf);
  }
  return clauses;
}

bool walks(const Query& query) {
  return !query.terms.empty() && query.terms.front().reference.source.index == Index::kNumber;
}

Statement numbers_statement(const Query& query, const Plan& plan, int part) {
  return Select(query, plan, part).ordered();
}

Statement count_statement(const Query& query, const Plan& plan) { return Select(query, plan, 0).counted(); }

}  // namespace millrace::search
