#include "features/offline/point_in_time.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "duck/quote.h"
#include "features/compile.h"
#include "features/offline/spine.h"
#include "features/offline/view_join.h"

namespace millrace::features::offline {
namespace {

constexpr std::size_t kBlockRows = 256 * 1024;

// Runs work(worker) on so many threads, this one among them.
template <class Work>
void on_threads(std::size_t threads, const Work& work) {
  std::vector<std::jthread> others;
  for (std::size_t worker = 1; worker < threads; ++worker) others.emplace_back([&work, worker] { work(worker); });
  work(0);
}

std::string source_sql(std::span<ViewJoin* const> joins, std::string_view scan, const NeededSpan& span) {
  std::set<std::string> columns, times;
  for (const ViewJoin* join : joins) {
    const CompiledView& view = *join->view().view;
    for (const sql::ColumnDef& column : view.columns) columns.insert(column.name);
    times.insert(view.columns[view.time_column].name);
  }
  std::string list, condition;
  for (const std::string& column : columns)
    list += fmt::format("{}{}", list.empty() ? "" : ", ", duck::quote_identifier(column));
  for (const std::string& time : times) {
    const std::string name = duck::quote_identifier(time);
    condition += fmt::format("{}({} <= make_timestamp({})", condition.empty() ? "" : " or ", name, span.to.us);
    if (span.from) condition += fmt::format(" and {} >= make_timestamp({})", name, span.from->us);
    condition += ")";
  }
  return fmt::format("select {} from {} where {}", list, scan, condition);
}

// Computes one service's features for one spine.
class Join {
 public:
  Join(const ResolvedService& service, const duck::Table& table, const Spine& spine, std::size_t threads)
      : service_(service), spine_(spine), threads_(threads), features_(service.features.size()) {
    for (auto& column : features_) column.assign(table.rows, std::nan(""));
    for (const ResolvedView& view : service.views) joins_.emplace_back(view, spine, service.inputs.size(), threads);
  }

  Result<void> run(duck::Connection& connection, std::span<const SourceScan> scans) {
    std::set<std::string> datasets;
    for (const ViewJoin& join : joins_) datasets.insert(join.view().view->spec.source.name);
    for (const std::string& dataset : datasets) TRY(read(connection, dataset, scans));
    for (const ViewJoin& join : joins_) answer(join);
    answer_from_request();
    return {};
  }

  std::vector<std::vector<double>>& features() { return features_; }

 private:
  // Reads a dataset once for all of its views.
  Result<void> read(duck::Connection& connection, const std::string& dataset, std::span<const SourceScan> scans) {
    const auto scan = std::ranges::find(scans, dataset, &SourceScan::dataset);
    if (scan == scans.end()) return invalid_argument("no scan was given for dataset {}", dataset);
    std::vector<ViewJoin*> joins;
    for (ViewJoin& join : joins_)
      if (join.view().view->spec.source.name == dataset) joins.push_back(&join);
    if (spine_.rows() > 0)
      TRY(stream(connection,
                 source_sql(joins, scan->sql, needed_span(service_, dataset, spine_.first(), spine_.last())), joins));
    for (ViewJoin* join : joins) join->group();
    return {};
  }

  Result<void> stream(duck::Connection& connection, const std::string& sql, std::span<ViewJoin* const> joins) {
    std::vector<duck::Table> block;
    std::size_t rows = 0;
    TRY(connection.stream(sql, [&](duck::Table& chunk) -> Result<void> {
      rows += chunk.rows;
      block.push_back(chunk);
      return rows < kBlockRows ? Result<void>{} : (rows = 0, take(block, joins));
    }));
    return take(block, joins);
  }

  // Tables in turn to the workers. Which worker takes which does not matter: a series sorts its rows.
  Result<void> take(std::vector<duck::Table>& block, std::span<ViewJoin* const> joins) {
    std::vector<Result<void>> outcomes(threads_);
    std::atomic<std::size_t> next = 0;
    on_threads(threads_, [&](std::size_t worker) {
      for (std::size_t i = next++; i < block.size() && outcomes[worker]; i = next++)
        for (ViewJoin* join : joins)
          if (outcomes[worker]) outcomes[worker] = join->take(block[i], worker);
    });
    block.clear();
    for (const Result<void>& outcome : outcomes) TRY(outcome);
    return {};
  }

  void answer(const ViewJoin& join) {
    std::vector<double> out(features_.size());
    join.answer_rows_without_key(features_, out);
    std::atomic<std::size_t> next = 0;
    on_threads(threads_, [&](std::size_t) {
      std::vector<double> room(features_.size());
      for (std::size_t key = next++; key < join.keys(); key = next++) join.answer(key, features_, room);
    });
  }

  void answer_from_request() {
    if (service_.request.empty()) return;
    on_threads(threads_, [&](std::size_t worker) {
      sql::Scratch scratch;
      std::vector<sql::Value> row(service_.inputs.size() + 1);
      const std::size_t end = spine_.rows() * (worker + 1) / threads_;
      for (std::size_t r = spine_.rows() * worker / threads_; r < end; ++r) {
        spine_.read(r, row);
        scratch.clear();
        for (const RequestFeature& feature : service_.request)
          features_[feature.position][r] = to_number(feature.expression.evaluate(row, scratch));
      }
    });
  }

  const ResolvedService& service_;
  const Spine& spine_;
  std::size_t threads_;
  std::vector<std::vector<double>> features_;
  std::deque<ViewJoin> joins_;
};

duck::Column feature_column(const std::string& name, std::vector<double> values) {
  duck::Column column{name, duck::Type::kDouble, {}, std::move(values), {}, {}};
  column.valid.reserve(column.doubles.size());
  for (const double x : column.doubles) column.valid.push_back(std::isnan(x) ? 0 : 1);
  return column;
}

}  // namespace

NeededSpan needed_span(const ResolvedService& service, std::string_view dataset, Timestamp first, Timestamp last) {
  NeededSpan span{first, last};
  for (const ResolvedView& view : service.views) {
    const SeriesLayout& layout = view.view->layout;
    if (view.view->spec.source.name != dataset || !span.from) continue;
    if (layout.unlimited_newest)
      span.from.reset();
    else
      span.from = std::min(*span.from, first - layout.longest);
  }
  return span;
}

Result<duck::Table> point_in_time(duck::Connection& connection, const ResolvedService& service, duck::Table spine,
                                  std::span<const SourceScan> scans, const PointInTimeOptions& options) {
  const Spine checked = TRY(Spine::open(spine, service));
  Join join(service, spine, checked, static_cast<std::size_t>(std::max(options.threads, 1)));
  TRY(join.run(connection, scans));
  for (std::size_t i = 0; i < service.features.size(); ++i) {
    duck::Column column = feature_column(service.features[i], std::move(join.features()[i]));
    if (duck::Column* same = spine.find(service.features[i]))
      *same = std::move(column);
    else
      spine.columns.push_back(std::move(column));
  }
  return spine;
}

}  // namespace millrace::features::offline
