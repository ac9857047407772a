#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "app/steps/step.h"
#include "base/files.h"
#include "delivery/gate.h"
#include "duck/quote.h"
#include "monitoring/performance.h"
#include "serving/runtime.h"

namespace millrace::app {
namespace {

using serving::Runtime;

struct LabelledWindow {
  Timestamp start;
  Timestamp end;
  duck::Table rows;  // the prediction log's columns and `label`, by event time and id
};

Result<std::string> scan(StepRun& run, const std::string& dataset) {
  auto version = TRY(run.api().get(api::target("/api/v1/datasets/{}/versions/latest", dataset)));
  std::string files;
  for (const auto& segment : version.at("segments"))
    files += fmt::format("{}{}", files.empty() ? "" : ", ", duck::quote_literal(segment.at("path").get<std::string>()));
  return fmt::format("read_parquet([{}], union_by_name = true)", files);
}

Result<duck::Table> labelled_rows(StepRun& run, const std::string& endpoint, Timestamp start, Timestamp end) {
  auto committed = run.api().post(api::target("/api/v1/endpoints/{}/commit", endpoint), Json::object());
  if (!committed) return std::unexpected(committed.error());
  auto predictions = scan(run, endpoint + ".predictions");
  auto labels = scan(run, endpoint + ".labels");
  if (!predictions || !labels) return duck::Table{};  // nothing was asked or nothing is known yet
  auto connection = TRY(run.connect());
  return connection.query(fmt::format(
      R"sql(
        with truth as (
          select id, arg_max(value, event_time) as label
          from {}
          where event_time <= timestamp '{}'
          group by id)
        select predictions.*, truth.label
        from {} as predictions
        join truth using (id)
        where predictions.event_time >= timestamp '{}' and predictions.event_time < timestamp '{}'
        order by predictions.event_time, predictions.id)sql",
      *labels, format_time(run.context().event_time), *predictions, format_time(start), format_time(end)));
}

Result<LabelledWindow> newest_window(StepRun& run, const std::string& endpoint) {
  auto length = TRY(run.duration_or("window", std::chrono::days(7)));
  auto wait = TRY(run.duration_or("label_wait", std::chrono::days(1)));
  LabelledWindow window{
      .start = run.context().event_time - wait - length, .end = run.context().event_time - wait, .rows = {}};
  window.rows = TRY(labelled_rows(run, endpoint, window.start, window.end));
  return window;
}

double cell(const duck::Column& column, std::size_t row) {
  if (column.is_null(row)) return std::numeric_limits<double>::quiet_NaN();
  return column.type == duck::Type::kDouble ? column.doubles[row] : static_cast<double>(column.ints[row]);
}

// The model's predictions of the window's rows, from the features that were served.
Result<std::vector<double>> predict(const Runtime& model, const duck::Table& rows) {
  const serving::RowScorer* scorer = model.rows();
  if (scorer == nullptr) return fail(Code::kUnimplemented, "a model of {} cannot be evaluated", model.platform());
  std::vector<const duck::Column*> columns;
  for (const auto& name : scorer->columns()) {
    columns.push_back(rows.find(name));
    if (!columns.back())
      return failed_precondition("the prediction log has no feature \"{}\" that the model needs", name);
  }
  std::vector<double> values;
  values.reserve(rows.rows * columns.size());
  for (std::size_t row = 0; row < rows.rows; ++row)
    for (const auto* column : columns) values.push_back(cell(*column, row));
  std::vector<double> out(rows.rows * scorer->outputs_a_row());
  scorer->score(values, out);
  return out;
}

Json metrics_of(const std::vector<double>& labels, const std::vector<double>& predictions) {
  auto out = Json::object();
  for (auto* name : {"log_loss", "roc_auc", "brier_score", "expected_calibration_error", "accuracy"}) {
    auto value = monitoring::compute_metric(name, {labels, predictions});
    if (std::isfinite(value)) out[name] = value;
  }
  return out;
}

Json losses(const std::vector<double>& labels, const std::vector<double>& champion,
            const std::vector<double>& challenger) {
  std::vector<double> a, b;
  for (std::size_t row = 0; row < labels.size(); ++row) {
    a.push_back(monitoring::log_loss_of(labels[row], champion[row]));
    b.push_back(monitoring::log_loss_of(labels[row], challenger[row]));
  }
  auto difference = delivery::paired_difference(a, b);
  return {{"rows", difference.rows}, {"mean", difference.mean}, {"standard_error", difference.standard_error}};
}

// Where the endpoint has not answered yet, the model is judged on the holdout of its own training set.
Result<Json> by_holdout(StepRun& run) {
  auto report = TRY(run.read_input("report"));
  return Json{{"on", "holdout"},
              {"rows", report.at("rows").at("holdout")},
              {"challenger", report.at("holdout")},
              {"champion", nullptr}};
}

Result<Json> by_window(const LabelledWindow& window, const Runtime& model, const pipelines::ResolvedInput* champion) {
  auto* label = window.rows.find("label");
  std::vector<double> labels(label->doubles);
  auto predictions = TRY(predict(model, window.rows));
  Json evaluation{{"on", "window"},
                  {"start", format_time(window.start)},
                  {"end", format_time(window.end)},
                  {"rows", window.rows.rows},
                  {"challenger", metrics_of(labels, predictions)},
                  {"champion", nullptr}};
  if (!champion || champion->path.empty()) return evaluation;
  auto runtime = TRY(serving::load_runtime(champion->path));
  auto champions = TRY(predict(*runtime, window.rows));
  evaluation["champion"] = metrics_of(labels, champions);
  evaluation["champion_version"] = champion->version;
  evaluation["log_loss_difference"] = losses(labels, champions, predictions);
  return evaluation;
}

}  // namespace

Result<void> run_evaluate(StepRun& run) {
  auto window = TRY(newest_window(run, TRY(run.string("endpoint"))));
  auto model = TRY(serving::load_runtime(TRY(run.input("model"))->path));
  auto evaluation =
      window.rows.rows == 0 ? TRY(by_holdout(run)) : TRY(by_window(window, *model, run.find_input("champion")));
  StepRun::say(fmt::format("on {} rows of the {}: challenger {}, champion {}", evaluation["rows"].get<std::int64_t>(),
                           evaluation["on"].get<std::string>(), dump_json(evaluation["challenger"]),
                           dump_json(evaluation["champion"])));
  TRY(run.write_result(evaluation));
  return run.write_output("evaluation", evaluation);
}

}  // namespace millrace::app
