#include "transfer/mlruns.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "base/document.h"
#include "base/files.h"
#include "base/json.h"
#include "transfer/local_files.h"
#include "transfer/mlflow_text.h"
#include "transfer/span_json.h"

namespace millrace::transfer {

namespace {

namespace fs = std::filesystem;

// Folders that are no experiments.
constexpr std::string_view kTrash = ".trash";
constexpr std::string_view kModels = "models";

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// The folders in a folder, by name; none where there is no such folder.
std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> folders;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (is_folder(entry.path())) folders.push_back(entry.path());
  }
  std::ranges::sort(folders);
  return folders;
}

// All scalars as texts: MLflow's writer leaves the quotes off what only newer YAML takes for a number, as 1e5.
Json texts_of(const Node& node) {
  if (node.kind == Node::Kind::kNull) return nullptr;
  if (node.kind == Node::Kind::kScalar) return node.text;
  Json json = node.kind == Node::Kind::kMapping ? Json::object() : Json::array();
  for (const auto& [key, value] : node.members) json[key.text] = texts_of(value);
  for (const Node& item : node.items) json.push_back(texts_of(item));
  return json;
}

enum class Scalars { kTexts, kTyped };

// A file's YAML mapping, as JSON.
Result<Json> read_yaml(const fs::path& file, Scalars scalars = Scalars::kTexts) {
  Diagnostics faults;
  const auto documents = parse_yaml(TRY(read_file(file)), file.string(), faults);
  if (!faults.empty()) return data_loss("{}", format_diagnostic(faults.list.front()));
  if (documents.empty()) return data_loss("{} is empty", file.string());
  Json json = scalars == Scalars::kTyped ? documents.front().to_json() : texts_of(documents.front());
  if (!json.is_object()) return data_loss("{} is no mapping", file.string());
  return json;
}

// A member as text, whatever it is; "" for none.
std::string text_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : dump_json(*found);
}

std::optional<std::string> optional_text(const Json& object, const char* name) {
  std::string text = text_in(object, name);
  return text.empty() ? std::nullopt : std::optional(std::move(text));
}

std::optional<std::int64_t> integer_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::nullopt;
  if (found->is_number()) return found->get<std::int64_t>();
  const auto number = number_of(text_in(object, name));
  return number ? std::optional(*number) : std::nullopt;
}

Timestamp time_in(const Json& object, const char* name) { return moment(integer_in(object, name).value_or(0)); }

tracking::LifecycleStage stage_in(const Json& object) {
  tracking::LifecycleStage stage = tracking::LifecycleStage::kActive;
  from_text(text_in(object, "lifecycle_stage"), stage);
  return stage;
}

// Keys are paths below the folder, their values what the files hold.
template <typename Pair>
Result<std::vector<Pair>> pairs_in(const fs::path& folder) {
  std::vector<Pair> pairs;
  for (const SourceFile& file : TRY(files_below(folder))) {
    pairs.push_back({file.path, TRY(read_file(folder / file.path))});
  }
  return pairs;
}

double value_of(const std::string& text) {
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf") return std::numeric_limits<double>::max();
  if (text == "-inf") return std::numeric_limits<double>::lowest();
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// "TIMESTAMP VALUE [STEP]", with what a logged model's metric has after that left in `rest`.
Result<tracking::Metric> read_point(const std::string& line, const std::string& key, std::istringstream& rest) {
  rest = std::istringstream(line);
  std::string time;
  std::string value;
  std::string step;
  rest >> time >> value >> step;
  const auto milliseconds = number_of(time);
  if (!milliseconds || value.empty()) return data_loss("\"{}\" is no point of the metric {}", line, key);
  tracking::Metric point{.key = key, .value = value_of(value), .timestamp = moment(*milliseconds)};
  if (!step.empty()) point.step = TRY(number_of(step));
  return point;
}

// Complete lines; the last one may be under way.
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    if (end > begin) lines.push_back(text.substr(begin, end - begin));
  }
  return lines;
}

// The store keeps a point that is logged twice twice.
void make_unique(std::vector<tracking::Metric>& points) {
  const auto rank = [](const tracking::Metric& p) {
    const bool is_nan = p.value != p.value;
    return std::tuple(p.timestamp, p.step, is_nan, is_nan ? 0.0 : p.value);
  };
  std::ranges::sort(points, {}, rank);
  const auto again = std::ranges::unique(points, {}, rank);
  points.erase(again.begin(), again.end());
}

class Mlruns final : public Source {
 public:
  Mlruns(fs::path root, fs::path artifacts)
      : root_(std::move(root)), place_(root_.string()), artifacts_(std::move(artifacts)) {}

  const std::string& place() const override { return place_; }

  Result<std::vector<tracking::Experiment>> experiments() override {
    std::vector<tracking::Experiment> experiments;
    auto folders = folders_in(root_);
    for (const fs::path& deleted : folders_in(root_ / kTrash)) folders.push_back(deleted);
    for (const fs::path& folder : folders) {
      if (folder.filename() == kTrash || folder.filename() == kModels || !is_file(folder / "meta.yaml")) continue;
      const Json meta = TRY(read_yaml(folder / "meta.yaml"));
      tracking::Experiment experiment{.id = folder.filename(),
                                      .name = text_in(meta, "name"),
                                      .artifact_location = text_in(meta, "artifact_location"),
                                      .lifecycle_stage = stage_in(meta),
                                      .creation_time = time_in(meta, "creation_time"),
                                      .last_update_time = time_in(meta, "last_update_time"),
                                      .tags = TRY(pairs_in<tracking::Tag>(folder / "tags"))};
      experiments.push_back(std::move(experiment));
    }
    return experiments;
  }

  Result<std::vector<std::string>> run_ids(const std::string& experiment_id) override {
    std::vector<std::pair<std::int64_t, std::string>> runs;
    for (const fs::path& folder : folders_in(experiment_folder(experiment_id))) {
      if (!is_file(folder / "meta.yaml")) continue;
      const auto meta = TRY(read_yaml(folder / "meta.yaml"));
      folders_[folder.filename()] = folder;
      runs.emplace_back(integer_in(meta, "start_time").value_or(0), folder.filename());
    }
    std::ranges::sort(runs);
    std::vector<std::string> ids;
    for (auto& [start, id] : runs) ids.push_back(std::move(id));
    return ids;
  }

  Result<tracking::Run> run(const std::string& id) override {
    const fs::path folder = TRY(known_folder(id));
    const Json meta = TRY(read_yaml(folder / "meta.yaml"));
    tracking::Run run{.id = id,
                      .experiment_id = folder.parent_path().filename(),
                      .name = text_in(meta, "run_name"),
                      .status = run_status(integer_in(meta, "status").value_or(1)),
                      .start_time = time_in(meta, "start_time"),
                      .end_time = moment(integer_in(meta, "end_time")),
                      .lifecycle_stage = stage_in(meta),
                      .deleted_time = moment(integer_in(meta, "deleted_time")),
                      .artifact_uri = text_in(meta, "artifact_uri"),
                      .user_id = text_in(meta, "user_id"),
                      .params = TRY(pairs_in<tracking::Param>(folder / "params")),
                      .tags = TRY(pairs_in<tracking::Tag>(folder / "tags"))};
    TRY(add_inputs(folder, run));
    return run;
  }

  Result<std::map<std::string, std::int64_t>> count_points(const std::string& run_id) override {
    std::map<std::string, std::int64_t> counts;
    const fs::path metrics = TRY(known_folder(run_id)) / "metrics";
    for (const SourceFile& file : TRY(files_below(metrics))) {
      counts[file.path] = static_cast<std::int64_t>(TRY(points(run_id, file.path)).size());
    }
    return counts;
  }

  Result<std::vector<tracking::Metric>> points(const std::string& run_id, const std::string& key) override {
    std::vector<tracking::Metric> points;
    std::istringstream rest;
    for (const std::string& line : lines_of(TRY(read_file(TRY(known_folder(run_id)) / "metrics" / key)))) {
      points.push_back(TRY(read_point(line, key, rest)));
    }
    make_unique(points);
    return points;
  }

  Result<std::vector<std::string>> logged_model_ids(const std::string& experiment_id) override {
    std::vector<std::string> ids;
    for (const fs::path& folder : folders_in(experiment_folder(experiment_id) / kModels)) {
      if (!is_file(folder / "meta.yaml")) continue;
      folders_[folder.filename()] = folder;
      ids.push_back(folder.filename());
    }
    return ids;
  }

  Result<tracking::LoggedModel> logged_model(const std::string& id) override {
    const fs::path folder = TRY(known_folder(id));
    const Json meta = TRY(read_yaml(folder / "meta.yaml"));
    tracking::LoggedModel model{.id = id,
                                .experiment_id = folder.parent_path().parent_path().filename(),
                                .name = text_in(meta, "name"),
                                .creation_time = time_in(meta, "creation_timestamp"),
                                .last_update_time = time_in(meta, "last_updated_timestamp"),
                                .artifact_uri = text_in(meta, "artifact_location"),
                                .status = model_status(integer_in(meta, "status").value_or(0)),
                                .status_message = text_in(meta, "status_message"),
                                .model_type = text_in(meta, "model_type"),
                                .source_run_id = text_in(meta, "source_run_id"),
                                .lifecycle_stage = stage_in(meta),
                                .params = TRY(pairs_in<tracking::Param>(folder / "params")),
                                .tags = TRY(pairs_in<tracking::Tag>(folder / "tags"))};
    TRY(add_metrics(folder, model));
    return model;
  }

  Result<std::vector<std::string>> trace_ids(const std::string& experiment_id) override {
    std::vector<std::string> ids;
    for (const fs::path& folder : folders_in(experiment_folder(experiment_id) / "traces")) {
      if (!is_file(folder / "trace_info.yaml")) continue;
      folders_[folder.filename()] = folder;
      ids.push_back(folder.filename());
    }
    return ids;
  }

  Result<TraceRecord> trace(const std::string& id) override {
    const fs::path folder = TRY(known_folder(id));
    const Json meta = TRY(read_yaml(folder / "trace_info.yaml"));
    TraceRecord record;
    tracking::TraceInfo& info = record.trace.info;
    info.id = id;
    info.experiment_id = folder.parent_path().parent_path().filename();
    info.client_request_id = optional_text(meta, "client_request_id");
    info.request_preview = optional_text(meta, "request_preview");
    info.response_preview = optional_text(meta, "response_preview");
    info.request_time = TRY(trace_time(meta));
    info.execution_ms = integer_in(meta, "execution_duration_ms");
    if (!info.execution_ms) info.execution_ms = integer_in(meta, "execution_time_ms");
    const std::string state = text_in(meta, "state");
    from_text(state.empty() ? text_in(meta, "status") : state, info.state);
    info.tags = TRY(pairs_in<tracking::Tag>(folder / "tags"));
    info.metadata = TRY(pairs_in<tracking::Tag>(folder / "request_metadata"));
    TRY(add_assessments(folder, info));
    if (is_file(folder / "artifacts" / "traces.json")) {
      record.trace.spans = TRY(read_spans(TRY(read_file(folder / "artifacts" / "traces.json")), id));
    }
    return record;
  }

  // The file store has none.
  Result<std::vector<EvaluationSet>> evaluation_sets() override { return std::vector<EvaluationSet>(); }

  Result<std::vector<registry::Model>> models() override {
    std::vector<registry::Model> models;
    for (const fs::path& folder : folders_in(root_ / kModels)) {
      if (!is_file(folder / "meta.yaml")) continue;
      const Json meta = TRY(read_yaml(folder / "meta.yaml"));
      registry::Model model{.name = text_in(meta, "name"),
                            .description = text_in(meta, "description"),
                            .creation_time = time_in(meta, "creation_timestamp"),
                            .last_updated_time = time_in(meta, "last_updated_timestamp"),
                            .aliases = {},
                            .tags = TRY(pairs_in<registry::Tag>(folder / "tags"))};
      for (const auto& alias : TRY(pairs_in<registry::Tag>(folder / "aliases"))) {
        model.aliases.push_back({alias.key, TRY(number_of(alias.value))});
      }
      models.push_back(std::move(model));
    }
    return models;
  }

  Result<std::vector<registry::ModelVersion>> versions(const std::string& model) override {
    std::vector<registry::ModelVersion> versions;
    for (const fs::path& folder : folders_in(root_ / kModels / model)) {
      if (!folder.filename().string().starts_with("version-") || !is_file(folder / "meta.yaml")) continue;
      const Json meta = TRY(read_yaml(folder / "meta.yaml"));
      registry::Stage stage = registry::Stage::kNone;
      if (text_in(meta, "current_stage") == "Deleted_Internal") continue;
      from_text(text_in(meta, "current_stage"), stage);
      const std::string source = text_in(meta, "source");
      versions.push_back({.model = model,
                          .version = integer_in(meta, "version").value_or(0),
                          .source = source,
                          .storage = text_in(meta, "storage_location"),
                          .run_id = text_in(meta, "run_id"),
                          .run_link = text_in(meta, "run_link"),
                          .model_id = model_id_of(source),
                          .user_id = text_in(meta, "user_id"),
                          .stage = stage,
                          .description = text_in(meta, "description"),
                          .creation_time = time_in(meta, "creation_timestamp"),
                          .last_updated_time = time_in(meta, "last_updated_timestamp"),
                          .aliases = {},
                          .tags = TRY(pairs_in<registry::Tag>(folder / "tags"))});
    }
    std::ranges::sort(versions, {}, &registry::ModelVersion::version);
    return versions;
  }

  Result<std::optional<std::vector<SourceFile>>> files(const std::string& uri) override {
    const auto folder = local_folder(uri, root_.parent_path(), artifacts_);
    if (!folder) return std::nullopt;
    return TRY(files_below(*folder));
  }

  Result<fs::path> fetch(const std::string& uri, const SourceFile& file) override {
    const auto folder = local_folder(uri, root_.parent_path(), artifacts_);
    if (!folder) return not_found("{} is not on this machine", uri);
    return *folder / file.path;
  }

  Result<std::vector<LeftBehind>> left_behind() override { return std::vector<LeftBehind>(); }

 private:
  fs::path experiment_folder(const std::string& id) const {
    return is_folder(root_ / id) ? root_ / id : root_ / kTrash / id;
  }

  Result<fs::path> known_folder(const std::string& id) const {
    const auto found = folders_.find(id);
    if (found == folders_.end() || !is_folder(found->second)) return not_found("{} is gone from {}", id, place_);
    return found->second;
  }

  static Result<Timestamp> trace_time(const Json& meta) {
    const std::string text = text_in(meta, "request_time");
    if (text.empty()) return time_in(meta, "timestamp_ms");
    return parse_time(text);
  }

  Result<void> add_inputs(const fs::path& folder, tracking::Run& run) {
    for (const fs::path& input : folders_in(folder / "inputs")) {
      const Json meta = TRY(read_yaml(input / "meta.yaml"));
      if (text_in(meta, "source_type") == "MODEL") {
        run.model_inputs.push_back(text_in(meta, "source_id"));
      } else {
        run.inputs.push_back(TRY(dataset_input(folder, meta)));
      }
    }
    for (const fs::path& output : folders_in(folder / "outputs")) {
      const Json meta = TRY(read_yaml(output / "meta.yaml"));
      run.model_outputs.push_back({text_in(meta, "destination_id"), integer_in(meta, "step").value_or(0)});
    }
    std::ranges::sort(run.model_outputs, {}, [](const auto& o) { return std::tuple(o.step, o.model_id); });
    return {};
  }

  static Result<tracking::DatasetInput> dataset_input(const fs::path& run, const Json& meta) {
    const Json dataset =
        TRY(read_yaml(run.parent_path() / "datasets" / fs::path(text_in(meta, "source_id")).filename() / "meta.yaml"));
    tracking::DatasetInput input{.dataset = {.name = text_in(dataset, "name"),
                                             .digest = text_in(dataset, "digest"),
                                             .source_type = text_in(dataset, "source_type"),
                                             .source = text_in(dataset, "source"),
                                             .schema = optional_text(dataset, "schema"),
                                             .profile = optional_text(dataset, "profile")}};
    const auto tags = meta.find("tags");
    if (tags == meta.end() || !tags->is_object()) return input;
    for (const auto& [key, value] : tags->items()) {
      input.tags.push_back({key, value.is_string() ? value.get<std::string>() : dump_json(value)});
    }
    std::ranges::sort(input.tags, {}, &tracking::Tag::key);
    return input;
  }

  static Result<void> add_metrics(const fs::path& folder, tracking::LoggedModel& model) {
    for (const SourceFile& file : TRY(files_below(folder / "metrics"))) {
      for (const std::string& line : lines_of(TRY(read_file(folder / "metrics" / file.path)))) {
        std::istringstream rest;
        tracking::ModelMetric metric{.metric = TRY(read_point(line, file.path, rest))};
        metric.metric.model_id = model.id;
        rest >> metric.run_id >> metric.metric.dataset_name >> metric.metric.dataset_digest;
        model.metrics.push_back(std::move(metric));
      }
    }
    return {};
  }

  static Result<void> add_assessments(const fs::path& folder, tracking::TraceInfo& info) {
    for (const SourceFile& file : TRY(files_below(folder / "assessments"))) {
      const Json meta = TRY(read_yaml(folder / "assessments" / file.path, Scalars::kTyped));
      info.assessments.push_back(TRY(assessment_of(meta, info.id)));
    }
    std::ranges::sort(info.assessments, {}, [](const auto& a) { return std::tuple(a.create_time, a.id); });
    return {};
  }

  static Result<tracking::Assessment> assessment_of(const Json& meta, const std::string& trace_id) {
    const auto held = [&](const char* name) { return meta.contains(name) ? meta[name] : Json(nullptr); };
    const Json feedback = held("feedback");
    const Json expectation = held("expectation");
    const Json source = held("source");
    tracking::Assessment assessment{.id = text_in(meta, "assessment_id"),
                                    .trace_id = trace_id,
                                    .name = text_in(meta, "assessment_name"),
                                    .rationale = optional_text(meta, "rationale"),
                                    .metadata = text_map(dump_json(held("metadata"))),
                                    .span_id = text_in(meta, "span_id"),
                                    .create_time = TRY(parse_time(text_in(meta, "create_time"))),
                                    .last_update_time = TRY(parse_time(text_in(meta, "last_update_time"))),
                                    .overrides = text_in(meta, "overrides")};
    if (source.is_object()) {
      assessment.source_type = text_in(source, "source_type");
      assessment.source_id = text_in(source, "source_id");
    }
    if (expectation.is_object()) {
      assessment.kind = tracking::AssessmentKind::kExpectation;
      assessment.value = expectation_value(expectation);
    } else if (feedback.is_object()) {
      assessment.value = feedback.contains("value") ? dump_json(feedback["value"]) : "null";
      if (feedback.contains("error")) assessment.error = assessment_error(dump_json(feedback["error"]));
    }
    if (meta.contains("valid") && meta["valid"].is_boolean()) assessment.valid = meta["valid"].get<bool>();
    return assessment;
  }

  // What is no plain value stands as JSON in "serialized_value".
  static std::string expectation_value(const Json& expectation) {
    if (expectation.contains("value")) return dump_json(expectation["value"]);
    const auto serialized = expectation.find("serialized_value");
    return serialized != expectation.end() && serialized->is_object() ? compact(text_in(*serialized, "value")) : "null";
  }

  const fs::path root_;
  const std::string place_;
  const fs::path artifacts_;
  std::map<std::string, fs::path> folders_;  // of runs, logged models and traces, by id
};

}  // namespace

Result<std::unique_ptr<Source>> open_mlruns(const SourceOptions& options) {
  const auto folder = local_folder(options.uri, fs::current_path(), {});
  if (!folder || !is_folder(*folder)) return not_found("there is no folder {}", options.uri);
  const fs::path root = folder->lexically_normal();
  if (!is_file(root / "0" / "meta.yaml") && !is_folder(root / kTrash) && !is_folder(root / kModels)) {
    const bool any = std::ranges::any_of(folders_in(root), [](const fs::path& f) { return is_file(f / "meta.yaml"); });
    if (!any)
      return failed_precondition("the folder {} is no MLflow file store: no folder of it has a meta.yaml",
                                 root.string());
  }
  return std::make_unique<Mlruns>(root, options.artifacts);
}

}  // namespace millrace::transfer
