#include "datasets/judge.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

namespace millrace::datasets {
namespace {

using duck::quote_identifier;

constexpr int kShown = 20;  // unexpected values in a result

std::string column_list(const DatasetSpec& spec) {
  std::string list;
  for (const ColumnSpec& column : spec.columns) list += (list.empty() ? "" : ", ") + quote_identifier(column.name);
  return list;
}

std::string order_of(const DatasetSpec& spec) { return quote_identifier(spec.event_time) + ", " + column_list(spec); }

bool quarantines(const ExpectationPlan& plan) { return plan.spec.on_failure == OnFailure::kQuarantine; }

Json to_json(const duck::Column& column, std::size_t row) {
  if (column.is_null(row)) return nullptr;
  switch (column.type) {
    case duck::Type::kBoolean:
      return column.ints[row] != 0;
    case duck::Type::kBigint:
      return column.ints[row];
    case duck::Type::kDouble:
      return column.doubles[row];
    case duck::Type::kVarchar:
      return column.strings[row];
    case duck::Type::kTimestamp:
      return format_time({column.ints[row]});
  }
  std::unreachable();
}

double percent(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

class Judge {
 public:
  Judge(duck::Connection& connection, const DatasetSpec& spec, const std::vector<ExpectationPlan>& plans)
      : connection_(connection), spec_(spec), plans_(plans), results_(plans.size()) {}

  Result<Judgement> run() {
    TRY(sort_out());
    TRY(evaluate("judged", true));
    TRY(evaluate("kept", false));
    finish();
    return std::move(judgement_);
  }

 private:
  std::string verdict_list() const {
    std::string list;
    for (std::size_t i = 0; i < plans_.size(); ++i) {
      if (quarantines(plans_[i])) list += fmt::format(", {} as \"~v{}\"", plans_[i].map()->verdict, i);
    }
    return list;
  }

  std::string reasons() const {
    std::string list;
    for (std::size_t i = 0; i < plans_.size(); ++i) {
      if (!quarantines(plans_[i])) continue;
      list += fmt::format(", case when \"~v{}\" is false then {} end", i, duck::quote_literal(plans_[i].label));
    }
    return fmt::format("concat_ws('; '{})", list);
  }

  // All rows with their reasons, in order, once; what follows looks at parts of it.
  Result<void> sort_out() {
    const std::string verdicts = verdict_list();
    TRY(
        connection_.execute(fmt::format("create or replace temp table judged as select *, {} as \"~reason\" from "
                                        "(select *{} from typed) order by {}, \"~row\"",
                                        verdicts.empty() ? "''" : reasons(), verdicts, order_of(spec_))));
    TRY(connection_.execute(
        fmt::format("create or replace temp view kept as select {0}, \"~row\" from judged where \"~reason\" = '';"
                    "create or replace temp view set_aside as select {0}, \"~row\", \"~reason\" from judged where "
                    "\"~reason\" <> ''",
                    column_list(spec_))));
    return count();
  }

  Result<void> count() {
    const duck::Table table = TRY(connection_.query("select count(*), count(*) filter (\"~reason\" = '') from judged"));
    judgement_.rows = table.columns[0].ints[0];
    judgement_.kept = table.columns[1].ints[0];
    judgement_.quarantined = judgement_.rows - judgement_.kept;
    return {};
  }

  // One pass over the table answers for all plans that look at it.
  Result<void> evaluate(const std::string& table, bool quarantining) {
    std::string inner;
    std::string outer = "count(*)";
    std::vector<std::size_t> asked;
    for (std::size_t i = 0; i < plans_.size(); ++i) {
      if (quarantines(plans_[i]) != quarantining) continue;
      if (const auto* fixed = std::get_if<FixedPlan>(&plans_[i].plan)) {
        add_fixed(i, *fixed);
        continue;
      }
      asked.push_back(i);
      if (const MapPlan* map = plans_[i].map()) {
        if (!quarantining) inner += fmt::format(", {} as \"~v{}\"", map->verdict, i);  // "judged" has them
        inner += fmt::format(", {} as \"~m{}\"", map->missing, i);
        outer += fmt::format(", count(*) filter (\"~m{0}\"), count(*) filter (\"~v{0}\" is false)", i);
      } else {
        const auto& aggregate = std::get<AggregatePlan>(plans_[i].plan);
        outer += fmt::format(", {}, {}", aggregate.success, aggregate.observed);
      }
    }
    if (asked.empty()) return {};
    const duck::Table answer =
        TRY(connection_.query(fmt::format("select {} from (select *{} from {})", outer, inner, table)));
    for (std::size_t k = 0; k < asked.size(); ++k) {
      TRY(add_answer(asked[k], answer, 1 + 2 * k, table));
    }
    return {};
  }

  Result<void> add_answer(std::size_t i, const duck::Table& answer, std::size_t column, const std::string& table) {
    const duck::Column& first = answer.columns[column];
    const duck::Column& second = answer.columns[column + 1];
    if (plans_[i].map() != nullptr) {
      return add_map(i, table,
                     {.elements = answer.columns[0].ints[0], .missing = first.ints[0], .unexpected = second.ints[0]});
    }
    const auto& aggregate = std::get<AggregatePlan>(plans_[i].plan);
    const bool success = !first.is_null(0) && first.ints[0] != 0;
    Json observed = to_json(second, 0);
    if (aggregate.observed_is_json && observed.is_string()) observed = TRY(parse_json(observed.get<std::string>()));
    add(i, success, {{"observed_value", observed}}, fmt::format("{} is observed", dump_json(observed)));
    return {};
  }

  struct Counts {
    std::int64_t elements = 0;
    std::int64_t missing = 0;
    std::int64_t unexpected = 0;
  };

  Result<void> add_map(std::size_t i, const std::string& table, Counts counts) {
    const std::int64_t judged = counts.elements - counts.missing;
    const double good =
        judged == 0 ? 1.0 : static_cast<double>(judged - counts.unexpected) / static_cast<double>(judged);
    Json unexpected = Json::array();
    if (counts.unexpected > 0) unexpected = TRY(shown_values(*plans_[i].map(), table));
    const std::string message = fmt::format("{} of {} rows are unexpected, e.g. {}", counts.unexpected, judged,
                                            unexpected.empty() ? "" : dump_json(unexpected[0]));
    add(i, good >= plans_[i].mostly,
        {{"element_count", counts.elements},
         {"missing_count", counts.missing},
         {"missing_percent", percent(counts.missing, counts.elements)},
         {"unexpected_count", counts.unexpected},
         {"unexpected_percent", percent(counts.unexpected, judged)},
         {"unexpected_percent_total", percent(counts.unexpected, counts.elements)},
         {"unexpected_percent_nonmissing", percent(counts.unexpected, judged)},
         {"partial_unexpected_list", unexpected}},
        message);
    return {};
  }

  Result<Json> shown_values(const MapPlan& map, const std::string& table) {
    const duck::Table values =
        TRY(connection_.query(fmt::format("select value from (select {} as value, {} as good, \"~row\" from {}) where "
                                          "good is false order by \"~row\" limit {}",
                                          map.value, map.verdict, table, kShown)));
    Json list = Json::array();
    for (std::size_t row = 0; row < values.rows; ++row) list.push_back(to_json(values.columns[0], row));
    return list;
  }

  void add_fixed(std::size_t i, const FixedPlan& fixed) {
    const Result<Json> observed = parse_json(fixed.observed);
    add(i, fixed.success, {{"observed_value", observed ? *observed : Json()}}, fixed.observed + " is observed");
  }

  void add(std::size_t i, bool success, Json result, const std::string& message) {
    const ExpectationPlan& plan = plans_[i];
    static constexpr const char* kOnFailure[] = {"reject", "quarantine", "warn"};
    const Result<Json> kwargs = parse_json(plan.spec.kwargs);
    results_[i] = {{"success", success},
                   {"expectation_config", {{"type", plan.spec.type}, {"kwargs", kwargs ? *kwargs : Json::object()}}},
                   {"on_failure", kOnFailure[static_cast<int>(plan.spec.on_failure)]},
                   {"result", std::move(result)}};
    successful_ += success;
    const bool refuses = plan.spec.on_failure == OnFailure::kReject || (quarantines(plan) && plan.has_mostly);
    if (!success && refuses) judgement_.rejected_by.push_back(fmt::format("{}: {}", plan.label, message));
  }

  void finish() {
    const auto evaluated = static_cast<std::int64_t>(plans_.size());
    if (judgement_.kept == 0 && judgement_.rejected_by.empty()) {
      judgement_.rejected_by.push_back("every row fails an expectation that quarantines");
    }
    judgement_.validation =
        dump_json({{"success", successful_ == evaluated},
                   {"statistics",
                    {{"evaluated_expectations", evaluated},
                     {"successful_expectations", successful_},
                     {"unsuccessful_expectations", evaluated - successful_},
                     {"success_percent", evaluated == 0 ? 100.0 : percent(successful_, evaluated)}}},
                   {"rows", judgement_.rows},
                   {"quarantined", judgement_.quarantined},
                   {"results", results_}});
  }

  duck::Connection& connection_;
  const DatasetSpec& spec_;
  const std::vector<ExpectationPlan>& plans_;
  std::vector<Json> results_;
  std::int64_t successful_ = 0;
  Judgement judgement_;
};

}  // namespace

Result<Judgement> judge(duck::Connection& connection, const DatasetSpec& spec,
                        const std::vector<ExpectationPlan>& plans) {
  return Judge(connection, spec, plans).run();
}

}  // namespace millrace::datasets
