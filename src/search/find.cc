#include "search/find.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <boost/describe.hpp>
#include <limits>
#include <map>
#include <utility>

#include "db/database.h"
#include "search/condition.h"
#include "search/evaluate.h"
#include "search/page_token.h"
#include "search/query.h"

namespace millrace::search {

namespace {

// A table of fewer rows is read whole without a thought.
constexpr std::int64_t kSmallTable = 2000;
// Rows counted, at most, to learn how selective a clause is, and a scope: most searches are of a large one, and
// counting it was a sixth of them on PostgreSQL.
constexpr std::int64_t kCountAtMost = 20'000;
constexpr std::int64_t kScopeCountAtMost = 5'000;
constexpr std::int64_t kEverything = std::numeric_limits<std::int32_t>::max();

Result<std::int64_t> number_of(db::Database& database, const Statement& statement) {
  return TRY(database.query_with<std::int64_t>(statement.text(), statement.values())).front();
}

// How a plan is made.
enum class Walk { kAllowed, kForbidden };
struct Purpose {
  std::int64_t wanted = 0;  // rows, with those to skip
  Walk walk = Walk::kForbidden;
  std::int64_t count_at_most = kCountAtMost;
};

// The rows that fit, or `many` where they are more than are counted.
Result<double> count_few(db::Database& database, std::string_view from, const Statement& where, std::int64_t at_most,
                         double many) {
  Statement counting("select count(*) from (select 1 from ");
  counting.add(from).add(" where ").add(where).add(" limit ").value(at_most).add(") as few");
  const std::int64_t rows = TRY(number_of(database, counting));
  return rows < at_most ? static_cast<double>(rows) : many;
}

bool stored_order(const Query& query) {
  return query.terms.empty() || query.terms.front().reference.column == query.schema().default_order.front().column;
}

Result<double> rows_in_scope(db::Database& database, const Query& query, const Purpose& purpose, double total) {
  if (!query.request.scope) return total;
  const Scope& scope = *query.request.scope;
  return count_few(database, query.schema().table, in_scope(scope, ""),
                   std::min(purpose.count_at_most, kScopeCountAtMost), total);
}

Result<Plan> make_plan(db::Database& database, const Query& query, const Purpose& purpose) {
  Statement most("select coalesce(max(");
  most.add(query.schema().number).add("), 0) from ").add(query.schema().table);
  const std::int64_t total = TRY(number_of(database, most));
  if (total < kSmallTable) return Plan{};
  Estimates estimates{.total = static_cast<double>(total),
                      .order_walkable = purpose.walk == Walk::kAllowed && walks(query),
                      .order_stored = stored_order(query),
                      .wanted = static_cast<double>(purpose.wanted)};
  estimates.in_scope = TRY(rows_in_scope(database, query, purpose, estimates.total));
  const auto& scope = query.request.scope;
  estimates.scope_narrows = !scope || scope->values.size() == 1 || estimates.in_scope < estimates.total;
  estimates.order_stored &= !scope || scope->values.size() == 1 || !estimates.scope_narrows;
  for (const Clause* clause : startable(query)) {
    estimates.sets.push_back(TRY(count_few(database, clause->reference.source.from, row_condition(*clause),
                                           purpose.count_at_most, estimates.total)));
  }
  return choose(estimates);
}

struct TextRow {
  std::int64_t number = 0;
  std::string value;
};
BOOST_DESCRIBE_STRUCT(TextRow, (), (number, value))

struct RealRow {
  std::int64_t number = 0;
  double value = 0;
  bool is_nan = false;
};
BOOST_DESCRIBE_STRUCT(RealRow, (), (number, value, is_nan))

struct WholeRow {
  std::int64_t number = 0;
  std::int64_t value = 0;
};
BOOST_DESCRIBE_STRUCT(WholeRow, (), (number, value))

Stored stored(TextRow& row) { return std::move(row.value); }
Stored stored(const RealRow& row) { return row.is_nan ? std::numeric_limits<double>::quiet_NaN() : row.value; }
Stored stored(const WholeRow& row) { return row.value; }

// What the residual of a query needs to know about some rows, and whether it holds for each.
class Residual {
 public:
  Residual(db::Database& database, const Query& query) : database_(database), query_(query) {
    for_each_leaf(query.residual, [&](const Clause& clause) {
      if (std::ranges::find(references_, clause.reference) == references_.end()) {
        references_.push_back(clause.reference);
      }
    });
  }

  bool empty() const { return references_.empty(); }

  Result<std::vector<bool>> fits(std::span<const std::int64_t> numbers) const {
    const std::string list = fmt::format("[{}]", fmt::join(numbers, ","));
    std::vector<Values> values;
    for (const Reference& reference : references_) values.push_back(TRY(load(reference, list)));
    std::vector<bool> fit;
    for (const std::int64_t number : numbers) {
      fit.push_back(evaluate(query_.residual, [&](const Clause& clause) {
        const auto place = std::ranges::find(references_, clause.reference) - references_.begin();
        const auto found = values[static_cast<std::size_t>(place)].find(number);
        return found == values[static_cast<std::size_t>(place)].end() ? holds(clause, {})
                                                                      : holds(clause, found->second);
      }));
    }
    return fit;
  }

 private:
  using Values = std::map<std::int64_t, std::vector<Stored>>;

  // "select OWNER, VALUE from ... where OWNER in ...", the owners as a list in JSON.
  Statement statement(const Reference& reference, const std::string& list) const {
    const bool column = reference.is_column();
    const Source& source = reference.source;
    const std::string_view owner = column ? query_.schema().number : source.owner;
    const std::string_view value = column ? reference.column : source.value;
    Statement out("select ");
    out.add(owner).add(", ").add(value);
    if (reference.type == Type::kNumber) out.add(", ").add(source.nan.empty() ? "0" : source.nan);
    out.add(" from ").add(column ? query_.schema().table : source.from).add(" where ");
    if (reference.has_any_key()) out.add(source.key).add(" = ").value(reference.key).add(" and ");
    if (reference.nulls == Nulls::kPossible && column) out.add(value).add(" is not null and ");
    return out.add(owner).add(" in (select cast(value as bigint) from json_each(").value(list).add("))");
  }

  template <class Row>
  Result<Values> load_rows(const Reference& reference, const std::string& list) const {
    const Statement asked = statement(reference, list);
    Values values;
    for (Row& row : TRY(database_.query_with<Row>(asked.text(), asked.values()))) {
      values[row.number].push_back(stored(row));
    }
    return values;
  }

  Result<Values> load(const Reference& reference, const std::string& list) const {
    if (reference.type == Type::kText) return load_rows<TextRow>(reference, list);
    if (reference.type == Type::kNumber) return load_rows<RealRow>(reference, list);
    return load_rows<WholeRow>(reference, list);
  }

  db::Database& database_;
  const Query& query_;
  std::vector<Reference> references_;
};

// Reads a search's rows in order, from a position on, in steps that grow where few fit.
class Reader {
 public:
  Reader(db::Database& database, const Query& query, const Plan& plan, Position from)
      : database_(database), query_(query), plan_(plan), residual_(database, query), at_(from) {
    if (plan.start == Plan::Start::kOrder && !at_.part) at_.part = 0;
  }

  // One row more than `limit` tells that there is a next page, and where it begins.
  Result<Found> read(std::size_t limit) {
    std::size_t step = residual_.empty() ? 0 : kFirstStep;
    while (found_.size() <= limit && !done_) {
      const std::size_t missing = limit + 1 - found_.size();
      TRY(advance(std::max(step, missing)));
      step = std::min(step * 4, kLargestStep);
    }
    Found page;
    if (found_.size() > limit) page.next = page_token(found_[limit].position);
    for (const Row& row : std::span(found_).first(std::min(limit, found_.size()))) page.numbers.push_back(row.number);
    return page;
  }

 private:
  static constexpr std::size_t kFirstStep = 512;
  static constexpr std::size_t kLargestStep = 16'384;
  struct Row {
    std::int64_t number = 0;
    Position position;
  };

  Result<std::vector<std::int64_t>> fetch(std::size_t rows) const {
    const Statement statement = numbers_statement(query_, plan_, at_.part.value_or(0));
    std::vector<db::Value> values = statement.values();
    values.emplace_back(static_cast<std::int64_t>(rows));
    values.emplace_back(at_.offset);
    return database_.query_with<std::int64_t>(statement.text(), values);
  }

  Result<void> advance(std::size_t rows) {
    const std::vector<std::int64_t> numbers = TRY(fetch(rows));
    const std::vector<bool> fits =
        residual_.empty() ? std::vector<bool>(numbers.size(), true) : TRY(residual_.fits(numbers));
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (fits[i]) found_.push_back({numbers[i], at_});
      ++at_.offset;
    }
    if (numbers.size() < rows) TRY(next_part());
    return {};
  }

  Result<void> next_part() {
    if (!at_.part || *at_.part + 1 == kOrderParts) {
      done_ = true;
      return {};
    }
    at_ = {.offset = 0, .part = *at_.part + 1};
    if (*at_.part + 1 == kOrderParts) done_ = TRY(all_have_the_key());
    return {};
  }

  // Looking for rows without the key costs a look at each; counting both is cheap, and mostly they are equal.
  Result<bool> all_have_the_key() const {
    const Reference& first = query_.terms.front().reference;
    Statement rows("select count(*) from ");
    rows.add(first.source.from).add(" where ").add(first.source.key).add(" = ").value(first.key);
    const std::int64_t with = TRY(number_of(database_, rows));
    const std::int64_t all = TRY(number_of(database_, Statement("select count(*) from ").add(query_.schema().table)));
    return with >= all;
  }

  db::Database& database_;
  const Query& query_;
  const Plan& plan_;
  Residual residual_;
  Position at_;
  std::vector<Row> found_;
  bool done_ = false;
};

// A later page reads on as the first one began: the position counts that search's rows.
Result<Plan> plan_for(db::Database& database, const Query& query, const Position& from, std::int64_t limit) {
  if (from.part) {
    if (!walks(query)) return invalid_argument("Invalid page token, it is of a search with another order_by");
    return Plan{.start = Plan::Start::kOrder};
  }
  return make_plan(database, query,
                   {.wanted = from.offset + limit, .walk = from.offset == 0 ? Walk::kAllowed : Walk::kForbidden});
}

}  // namespace

Result<Found> find(db::Database& database, const Request& request, int limit, std::string_view token) {
  const Position from = TRY(parse_page_token(token));
  const Query query = TRY(read(request));
  const Plan plan = TRY(plan_for(database, query, from, limit));
  return Reader(database, query, plan, from).read(static_cast<std::size_t>(std::max(limit, 0)));
}

Result<std::int64_t> count(db::Database& database, const Request& request) {
  Query query = TRY(read(request));
  query.terms.clear();
  if (query.residual.parts.empty()) {
    const Plan plan = TRY(make_plan(database, query, {.wanted = kEverything, .count_at_most = kEverything}));
    return number_of(database, count_statement(query, plan));
  }
  const auto all = TRY(Reader(database, query, Plan{}, {}).read(kEverything));
  return static_cast<std::int64_t>(all.numbers.size());
}

Result<void> check(const Request& request) {
  TRY(read(request));
  return {};
}

}  // namespace millrace::search
