#include "features/features.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/steps/step.h"
#include "base/files.h"
#include "base/suggest.h"
#include "delivery/documents.h"
#include "duck/quote.h"
#include "features/offline/point_in_time.h"

namespace millrace::app {
namespace {

using features::ResolvedService;

// The project's definitions as the server has them: the same documents, compiled by the same code.
Result<std::shared_ptr<const ResolvedService>> resolve(StepRun& run, const std::string& service) {
  auto listed = TRY(run.api().get("/api/v1/project/files"));
  std::vector<delivery::SourceFile> files;
  for (const auto& file : listed.at("files"))
    if (file.contains("text")) files.push_back({file.at("path"), file.at("text")});
  Diagnostics diagnostics;
  auto documents = delivery::parse_documents(files, step_declarations(), diagnostics);
  auto definitions = delivery::feature_definitions(documents, diagnostics);
  if (!definitions)
    return internal_error("the project's definitions cannot be read: {}",
                          diagnostics.empty() ? "" : format_diagnostic(diagnostics.list.front()));
  return definitions->resolve(service);
}

struct Source {
  std::string dataset;
  std::string input;
  std::string version;
  std::string hash;
  std::string event_time;
  std::string scan;  // read_parquet([...])
};

Result<std::vector<Source>> sources(StepRun& run) {
  std::vector<Source> out;
  for (const auto& [name, input] : run.context().inputs) {
    if (input.kind != "dataset") continue;
    auto dataset = input.ref.substr(input.ref.find(':') + 1);
    auto version = TRY(run.api().get(api::target("/api/v1/datasets/{}/versions/{}", dataset, input.version)));
    std::string files;
    for (const auto& segment : version.at("segments"))
      files +=
          fmt::format("{}{}", files.empty() ? "" : ", ", duck::quote_literal(segment.at("path").get<std::string>()));
    out.push_back({dataset, name, input.version, input.hash, version.at("event_time"),
                   fmt::format("read_parquet([{}], union_by_name = true)", files)});
  }
  return out;
}

const Source* find_source(const std::vector<Source>& sources, std::string_view dataset) {
  auto found = std::ranges::find(sources, dataset, &Source::dataset);
  return found == sources.end() ? nullptr : &*found;
}

// Rows of the spine between the moments T + start and T + end, at most `max_rows`, spread evenly over them.
Result<duck::Table> read_spine(StepRun& run, duck::Connection& connection, const std::vector<Source>& sources) {
  auto at = run.context().event_time;
  auto known = [&](const Source& source) {
    return fmt::format("create or replace temp view {} as select * from {} where {} <= timestamp '{}'",
                       duck::quote_identifier(source.input), source.scan, duck::quote_identifier(source.event_time),
                       format_time(at));
  };
  for (const auto& source : sources) TRY(connection.execute(known(source)));
  auto sql = TRY(read_file(TRY(run.input("spine"))->path));
  while (!sql.empty() && (std::isspace(static_cast<unsigned char>(sql.back())) || sql.back() == ';')) sql.pop_back();
  std::vector<std::string> wanted;
  if (!run.value("start").is_null())
    wanted.push_back(fmt::format("event_time >= timestamp '{}'", format_time(at + TRY(run.duration_or("start", {})))));
  wanted.push_back(
      fmt::format("event_time < timestamp '{}'", format_time(at + TRY(run.duration_or("end", Duration{0})))));
  std::string order = "event_time";  // then all columns, so that equal data are equal spines
  for (const auto& column : TRY(connection.describe(sql))) order += ", " + duck::quote_identifier(column.name);
  auto rows = fmt::format(
      "select *, row_number() over (order by {}) - 1 as spine_row, count(*) over () as spine_rows from (\n{}\n) where "
      "{}",
      order, sql, fmt::join(wanted, " and "));
  auto most = TRY(run.integer_or("max_rows", INT64_MAX));
  if (most < 1) return invalid_argument("`max_rows` must be at least 1, not {}", most);
  return connection.query(
      fmt::format("select * exclude (spine_row, spine_rows) from ({}) where spine_rows <= {} or (spine_row * {}) % "
                  "spine_rows < {} order by {}",
                  rows, most, most, most, order));
}

Result<std::vector<features::offline::SourceScan>> scans(const ResolvedService& service,
                                                         const std::vector<Source>& sources) {
  std::vector<features::offline::SourceScan> out;
  for (const auto& view : service.views) {
    const auto& dataset = view.view->spec.source.name;
    auto* source = find_source(sources, dataset);
    if (!source)
      return failed_precondition("feature view {} reads dataset {}; add `{}: dataset:{}` to the step's inputs",
                                 view.view->spec.name, dataset, dataset, dataset);
    if (std::ranges::find(out, dataset, &features::offline::SourceScan::dataset) == out.end())
      out.push_back({dataset, source->scan});
  }
  return out;
}

Result<void> write_parquet(duck::Connection& connection, const duck::Table& table, const std::filesystem::path& path) {
  TRY(connection.create_temp_table("training_set", table));
  TRY(connection.execute(
      fmt::format("copy training_set to {} (format parquet, compression zstd)", duck::quote_literal(path.string()))));
  return {};
}

Json describe(const StepRun& run, const ResolvedService& service, const std::string& label,
              const std::vector<Source>& sources, const duck::Table& table, const Json& release) {
  auto datasets = Json::object();
  for (const auto& source : sources)
    datasets[source.dataset] = {{"version", source.version}, {"content_hash", source.hash}};
  return {{"service", service.name},
          {"definitions_hash", service.hash},
          {"features", service.features},
          {"label", label},
          {"rows", table.rows},
          {"event_time", format_time(run.context().event_time)},
          {"datasets", std::move(datasets)},
          {"release", release.value("number", 0)},
          {"commit", release.value("commit", "")}};
}

}  // namespace

Result<void> run_features(StepRun& run) {
  auto service = TRY(resolve(run, TRY(run.string("service"))));
  auto label = TRY(run.string("label"));
  auto data = TRY(sources(run));
  auto connection = TRY(run.connect());
  auto spine = TRY(read_spine(run, connection, data));
  std::vector<std::string> columns;
  for (const auto& column : spine.columns) columns.push_back(column.name);
  if (!spine.find(label))
    return failed_precondition("the spine has no column \"{}\", the label{}", label, did_you_mean(label, columns));
  if (spine.rows == 0) return failed_precondition("the spine has no rows in the wanted span of event time");
  StepRun::say(fmt::format("joining {} rows with {} features", spine.rows, service->features.size()));
  auto table =
      TRY(features::offline::point_in_time(connection, *service, std::move(spine), TRY(scans(*service, data))));
  auto folder = TRY(run.output("training_set"));
  TRY(make_directories(folder));
  TRY(write_parquet(connection, table, folder / "data.parquet"));
  auto about = describe(run, *service, label, data, table, TRY(run.api().get("/api/v1/project")));
  TRY(run.write_result({{"rows", table.rows}, {"definitions_hash", service->hash}}));
  return write_file(folder / "training_set.json", dump_json_pretty(about));
}

}  // namespace millrace::app
