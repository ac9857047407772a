#include "cli/replay/story.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/hash.h"

namespace millrace::cli {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double number(const Json& object, std::string_view key) {
  auto found = object.find(std::string(key));
  return found != object.end() && found->is_number() ? found->get<double>() : kNan;
}

std::string text(const Json& object, std::string_view key) { return object.value(std::string(key), std::string{}); }

Timestamp time(const Json& object, std::string_view key) { return parse_time(text(object, key)).value_or(Timestamp{}); }

std::map<std::string, double> metrics_of(const Json& performance) {
  std::map<std::string, double> out;
  for (const auto& [name, value] : performance.at("metrics").items())
    out[name] = value.is_number() ? value.get<double>() : kNan;
  return out;
}

void add_performance(StoryWindow& window, const Json& performance) {
  window.live = metrics_of(performance);
  window.mean_prediction = number(performance, "mean_prediction");
  for (const auto& bin : performance.value("calibration", Json::array()))
    window.calibration.push_back(
        {number(bin, "mean_prediction"), number(bin, "share_positive"), bin.value("rows", std::int64_t{0})});
}

void add_drift(StoryWindow& window, const Json& drift) {
  window.drifted_share = number(drift, "share");
  window.drifted = drift.value("drifted", false);
  for (const auto& column : drift.value("columns", Json::array()))
    if (column.value("drifted", false)) window.drifted_columns.push_back(text(column, "name"));
}

StoryWindow window_from(const Json& json) {
  constexpr std::string_view kShadow = "shadow_";
  StoryWindow window{.start = time(json, "window_start"),
                     .end = time(json, "window_end"),
                     .predictions = json.value("predictions", std::int64_t{0}),
                     .labelled = json.value("labelled", std::int64_t{0}),
                     .share_positive = number(json, "share_positive"),
                     .live = {},
                     .shadows = {},
                     .version = text(json, "version"),
                     .drifted_share = kNan,
                     .mean_prediction = kNan,
                     .happened = {}};
  if (json.contains("drift") && json["drift"].is_object()) add_drift(window, json["drift"]);
  for (const auto& performance : json.at("performance")) {
    auto column = text(performance, "column");
    if (column == "prediction")
      add_performance(window, performance);
    else if (column.starts_with(kShadow))
      window.shadows[column.substr(kShadow.size())] = metrics_of(performance);
  }
  return window;
}

// The window in which, or at whose closing, something happened.
StoryWindow* window_at(std::vector<StoryWindow>& windows, Timestamp at) {
  StoryWindow* found = nullptr;
  for (auto& window : windows)
    if (window.end <= at) found = &window;
  return found ? found : windows.empty() ? nullptr : &windows.front();
}

Result<Json> find_monitor(api::ApiClient& api, const std::string& endpoint) {
  for (const auto& monitor : TRY(api.list("/api/v1/monitors")))
    if (text(monitor, "endpoint") == endpoint) return monitor;
  return not_found("no monitor watches endpoint {}", endpoint);
}

Result<void> collect_windows(api::ApiClient& api, Story& story) {
  auto monitor = TRY(find_monitor(api, story.endpoint));
  story.monitor = text(monitor, "name");
  story.drift_threshold = number(monitor.value("drift", Json::object()), "share");
  auto windows = TRY(api.list(api::target("/api/v1/monitors/{}/windows", story.monitor)));
  for (const auto& window : windows) story.windows.push_back(window_from(window));
  std::ranges::sort(story.windows, {}, &StoryWindow::start);
  return {};
}

// The API lists the newest first.
Json oldest_first(Json list) {
  std::ranges::reverse(list);
  return list;
}

Result<void> collect_decisions(api::ApiClient& api, Story& story, const std::string& model) {
  for (auto& alert : oldest_first(TRY(api.list(api::target("/api/v1/alerts?monitor={}", story.monitor))))) {
    if (auto* window = window_at(story.windows, time(alert, "window_end")))
      window->happened.push_back(text(alert, "alert"));
    story.alerts.push_back(std::move(alert));
  }
  for (auto& gate : oldest_first(TRY(api.list("/api/v1/gates")))) {
    if (text(gate, "model") != model) continue;
    auto passed = gate.value("passed", false);
    auto version = gate.value("version", 0);
    if (auto* window = window_at(story.windows, time(gate, "event_time"))) {
      window->happened.push_back(fmt::format("retrained v{}", version));
      window->happened.push_back(fmt::format("{} v{}", passed ? "promoted" : "rejected", version));
    }
    story.gates.push_back(std::move(gate));
  }
  for (auto& change : oldest_first(TRY(api.list(api::target("/api/v1/models/{}/alias-history", model)))))
    story.promotions.push_back(std::move(change));
  return {};
}

// What must be the same on every run: alerts, gates and promotions with their numbers, without ids of runs.
std::string hash_of_decisions(const Story& story) {
  Hasher hasher;
  auto add = [&](const Json& list, std::initializer_list<std::string_view> keys) {
    for (const auto& item : list)
      for (auto key : keys) hasher.add_field(item.contains(key) ? dump_json(item[std::string(key)]) : "");
  };
  add(story.alerts, {"alert", "window_start", "value"});
  add(story.gates, {"version", "champion_version", "challenger", "champion", "passed", "event_time"});
  add(story.promotions, {"alias", "version", "previous", "event_time"});
  return hasher.finish().substr(0, 16);
}

void sum_losses(Story& story) {
  double live = 0, baseline = 0, rows = 0;
  for (const auto& window : story.windows) {
    auto mine = window.live.find("log_loss");
    auto shadow = window.shadows.find(story.baseline);
    if (mine == window.live.end() || shadow == window.shadows.end() || !shadow->second.contains("log_loss") ||
        window.labelled == 0)
      continue;
    auto weight = static_cast<double>(window.labelled);
    live += mine->second * weight, baseline += shadow->second.at("log_loss") * weight, rows += weight;
  }
  story.live_log_loss = rows > 0 ? live / rows : kNan;
  story.baseline_log_loss = rows > 0 ? baseline / rows : kNan;
}

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

double metric(const std::map<std::string, double>& metrics, const std::string& name) {
  auto found = metrics.find(name);
  return found == metrics.end() ? kNan : found->second;
}

double shadow_metric(const Story& story, const StoryWindow& window, const std::string& name) {
  auto found = window.shadows.find(story.baseline);
  return found == window.shadows.end() ? kNan : metric(found->second, name);
}

Json window_json(const Story& story, const StoryWindow& window) {
  auto finite = [](double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); };
  return {{"week", format_time(window.start).substr(0, 10)},
          {"predictions", window.predictions},
          {"labelled", window.labelled},
          {"share_positive", finite(window.share_positive)},
          {"log_loss_frozen", finite(shadow_metric(story, window, "log_loss"))},
          {"log_loss_live", finite(metric(window.live, "log_loss"))},
          {"roc_auc_live", finite(metric(window.live, "roc_auc"))},
          {"drifted_share", finite(window.drifted_share)},
          {"version", window.version},
          {"happened", window.happened}};
}

}  // namespace

Result<Story> collect_story(api::ApiClient& api, const delivery::ReplaySpec& spec) {
  Story story{.endpoint = spec.endpoint, .label = spec.label, .drift_threshold = kNan};
  auto endpoint = TRY(api.get(api::target("/api/v1/endpoints/{}", spec.endpoint)));
  auto status = TRY(api.get("/api/v1/status"));
  story.project = text(status, "project");
  story.model = text(endpoint, "model");
  story.alias = text(endpoint, "alias");
  if (!endpoint["shadows"].empty()) story.baseline = text(endpoint["shadows"][0], "alias");
  auto dataset = TRY(api.get(api::target("/api/v1/datasets/{}", spec.batch_dataset)));
  story.rows = dataset.value("rows", std::int64_t{0});
  story.quarantined = dataset.value("quarantined", std::int64_t{0});
  TRY(collect_windows(api, story));
  TRY(collect_decisions(api, story, story.model));
  sum_losses(story);
  story.decisions_hash = hash_of_decisions(story);
  return story;
}

std::string story_table(const Story& story) {
  auto label = story.label.empty() ? std::string("share") : story.label;
  auto width = std::max<std::size_t>(label.size(), 6);
  auto out = fmt::format("\n{:10}  {:>9}  {:>{}}  {:>8}  {:>8}  {:>7}  {}\n", "week", "answers", label, width, "frozen",
                         "live", "version", "what happened");
  for (const auto& window : story.windows)
    out += fmt::format("{:10}  {:>9}  {:>{}.1f}%  {:>8.4f}  {:>8.4f}  {:>7}  {}\n",
                       format_time(window.start).substr(0, 10), window.predictions, 100 * window.share_positive,
                       width - 1, shadow_metric(story, window, "log_loss"), metric(window.live, "log_loss"),
                       "v" + window.version, joined(window.happened));
  out += fmt::format("\npredictions {}, failed {}, labels {}, rows {}, quarantined {}\n", story.predictions,
                     story.failures, story.labels, story.rows, story.quarantined);
  out += fmt::format("mean log-loss: frozen {:.5f}, live {:.5f}: live is better by {:.5f} ({:.2f} %)\n",
                     story.baseline_log_loss, story.live_log_loss, story.baseline_log_loss - story.live_log_loss,
                     100 * (story.baseline_log_loss - story.live_log_loss) / story.baseline_log_loss);
  out += fmt::format(
      "latency p50 {:.3f} ms, p99 {:.3f} ms; {:.0f} s; peak memory of all processes {:.2f} GB; decisions {}\n",
      story.p50_seconds * 1e3, story.p99_seconds * 1e3, story.seconds,
      static_cast<double>(story.peak_resident_bytes) / 1e9, story.decisions_hash);
  return out;
}

Json story_json(const Story& story) {
  auto windows = Json::array();
  for (const auto& window : story.windows) windows.push_back(window_json(story, window));
  return {{"predictions", story.predictions},
          {"failures", story.failures},
          {"retried", story.retried},
          {"labels", story.labels},
          {"batches", story.batches},
          {"rows", story.rows},
          {"quarantined", story.quarantined},
          {"log_loss_frozen", story.baseline_log_loss},
          {"log_loss_live", story.live_log_loss},
          {"improvement", story.baseline_log_loss - story.live_log_loss},
          {"p50_ms", story.p50_seconds * 1e3},
          {"p99_ms", story.p99_seconds * 1e3},
          {"seconds", story.seconds},
          {"predictions_per_second", story.seconds > 0 ? static_cast<double>(story.predictions) / story.seconds : 0},
          {"peak_resident_bytes", story.peak_resident_bytes},
          {"decisions_hash", story.decisions_hash},
          {"weeks", std::move(windows)}};
}

}  // namespace millrace::cli
