#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "cli/replay/chart.h"
#include "cli/replay/html.h"
#include "cli/replay/story.h"
#include "cli/replay/story_charts.h"

namespace millrace::cli {
namespace {

constexpr char kTemplate[] = {
#embed "report.html"
};

std::string grouped(std::int64_t number) {
  auto digits = std::to_string(std::abs(number));
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return number < 0 ? "-" + digits : digits;
}

std::string plural(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", grouped(count), noun, count == 1 ? "" : "s");
}

std::string decimal(double value, int digits) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : "–";
}

std::string percent(double value) { return std::isfinite(value) ? fmt::format("{:.1f} %", 100 * value) : "–"; }

double number_in(const Json& object, const char* key) {
  auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : NAN;
}

std::string text_in(const Json& object, const char* key) {
  auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::int64_t gates_with(const Story& story, bool passed) {
  return std::ranges::count_if(story.gates, [&](const Json& gate) { return gate.value("passed", false) == passed; });
}

double improvement(const Story& story) {
  return (story.baseline_log_loss - story.live_log_loss) / story.baseline_log_loss;
}

std::string headline(const Story& story) {
  auto gain = improvement(story);
  if (!std::isfinite(gain))
    return escape_html(fmt::format("{}: {} answered", story.project, plural(story.predictions, "prediction")));
  auto text = fmt::format("{:.1f}\u00a0%", 100 * std::abs(gain));
  if (std::abs(gain) < 0.0005) return "The model that retrained itself was as good as the one frozen at the start";
  return fmt::format("The model that retrained itself was {} {} than the one frozen at the start", text,
                     gain > 0 ? "better" : "worse");
}

std::string lead(const Story& story) {
  auto out = fmt::format("The endpoint <b>{}</b> answered <b>{}</b>", escape_html(story.endpoint),
                         plural(story.predictions, "prediction"));
  if (!story.windows.empty())
    out += fmt::format(" between {} and {}", format_date(story.windows.front().start),
                       format_date(story.windows.back().end));
  out +=
      story.failures == 0 ? ", and <b>none failed</b>." : fmt::format("; <b>{} failed</b>.", grouped(story.failures));
  out += fmt::format(" The monitor raised {}; {} went to the gate, which promoted <b>{}</b> and rejected <b>{}</b>.",
                     plural(static_cast<std::int64_t>(story.alerts.size()), "alert"),
                     plural(static_cast<std::int64_t>(story.gates.size()), "trained version"), gates_with(story, true),
                     gates_with(story, false));
  return out;
}

std::string tile(std::string_view name, const std::string& value) {
  return fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", escape_html(name), escape_html(value));
}

std::string tiles(const Story& story) {
  auto out = tile("mean log-loss, live", decimal(story.live_log_loss, 5));
  if (has_baseline(story)) out += tile("mean log-loss, frozen", decimal(story.baseline_log_loss, 5));
  out += tile("predictions", grouped(story.predictions));
  out += tile("failed", grouped(story.failures));
  out += tile("labels", grouped(story.labels));
  out += tile("batches", grouped(story.batches));
  out += tile("rows ingested", grouped(story.rows));
  out += tile("rows quarantined", grouped(story.quarantined));
  out += tile("latency, median", decimal(story.p50_seconds * 1e3, 3) + " ms");
  out += tile("latency, 99th percentile", decimal(story.p99_seconds * 1e3, 3) + " ms");
  out += tile("time taken", decimal(story.seconds, 0) + " s");
  out += tile("peak memory, all processes", decimal(static_cast<double>(story.peak_resident_bytes) / 1e9, 2) + " GB");
  return out;
}

std::string legend_item(std::string_view drawing, std::string_view name) {
  return fmt::format(R"(<li><svg viewBox="0 0 24 14" aria-hidden="true">{}</svg>{}</li>)", drawing, escape_html(name));
}

std::string loss_legend(const Story& story, const Chart& chart) {
  auto out =
      legend_item(R"(<path class="line live" d="M0 7H24"/>)", "live: the version that the endpoint answered with");
  if (has_baseline(story))
    out += legend_item(R"(<path class="line frozen" d="M0 7H24"/>)",
                       fmt::format("frozen: the first version, in the shadow ({})", story.baseline));
  if (!chart.bands.empty())
    out += legend_item(R"(<rect class="band1" width="24" height="14"/><path class="turn" d="M.5 0V14"/>)",
                       "serving version");
  return R"(<ul class="legend">)" + out + "</ul>";
}

std::string hero(const Story& story) {
  auto chart = loss_chart(story);
  return fmt::format(
      R"(<section class="card"><figure><figcaption><h2>{}</h2><p>Each point is one {} of labelled predictions. The rows below the lines say what happened: alerts in the {} that raised them, retrained versions when the gate decided.</p></figcaption>{}<div class="wide">{}</div><div class="narrow">{}</div></figure></section>)",
      escape_html(chart.title), window_noun(story), window_noun(story), loss_legend(story, chart),
      draw_chart(chart, kWideLayout), draw_chart(chart, kNarrowLayout));
}

std::string small_chart(const std::optional<Chart>& chart) {
  if (!chart) return {};
  return fmt::format(R"(<figure class="card"><figcaption><h3>{}</h3><p>{}</p></figcaption>{}</figure>)",
                     escape_html(chart->title), escape_html(chart->summary), draw_chart(*chart, kSmallLayout));
}

std::string small_charts(const Story& story) {
  return R"(<section class="charts" aria-label="More charts">)" + small_chart(gain_chart(story)) +
         small_chart(share_chart(story)) + small_chart(drift_chart(story)) +
         small_chart(metric_chart(story, "roc_auc", "Ranking", "area under the ROC curve; higher is better")) +
         small_chart(metric_chart(story, "expected_calibration_error", "Calibration error",
                                  "expected calibration error; lower is better")) +
         small_chart(calibration_chart(story)) + "</section>";
}

// The style of a thing that happened: a decision of the gate, or an alert by its place among the alerts' names.
std::string style_of(const Chart& chart, std::string_view happened) {
  for (const auto& lane : chart.lanes)
    if (happened == lane.name || happened.starts_with(lane.name + " ")) return lane.style;
  return "";
}

std::string tags(const Chart& chart, const std::vector<std::string>& happened) {
  std::string out;
  for (const auto& what : happened)
    out += fmt::format(R"(<span class="tag {}">{}</span>)", style_of(chart, what), escape_html(what));
  return out;
}

std::string table(std::string_view caption, std::string_view head, std::string_view rows) {
  return fmt::format(
      R"(<div class="scroll" tabindex="0" role="region" aria-label="{}"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>)",
      caption, head, rows);
}

std::string week_row(const Story& story, const Chart& chart, const StoryWindow& window) {
  auto live = live_metric(window, "log_loss"), frozen = baseline_metric(story, window, "log_loss");
  auto gain = frozen - live;
  auto sign = !std::isfinite(gain) || gain == 0 ? "" : gain > 0 ? "up" : "down";
  return fmt::format(
      R"(<tr><th scope="row">{}</th><td>{}</td><td>{}</td><td class="{}">{}</td><td class="{}">{}</td><td class="{}">{}</td><td>{}</td><td>{}</td><td>{}</td><td class="left tags">{}</td></tr>)",
      format_date(window.start), grouped(window.predictions), percent(window.share_positive), gain < 0 ? "best" : "",
      decimal(frozen, 4), gain > 0 ? "best" : "", decimal(live, 4), sign,
      std::isfinite(gain) ? fmt::format("{:+.4f}", gain) : "–", decimal(live_metric(window, "roc_auc"), 3),
      percent(window.drifted_share), window.version.empty() ? "–" : "v" + escape_html(window.version),
      tags(chart, window.happened));
}

std::string weeks(const Story& story) {
  auto chart = loss_chart(story);
  std::string rows;
  for (const auto& window : story.windows) rows += week_row(story, chart, window);
  auto noun = window_noun(story);
  std::string head = fmt::format(
      R"(<th scope="col">{}</th><th scope="col">predictions</th><th scope="col">{}</th><th scope="col">log-loss<br>frozen</th><th scope="col">log-loss<br>live</th><th scope="col">gain</th><th scope="col">AUC<br>live</th><th scope="col">columns<br>drifted</th><th scope="col">version</th><th scope="col" class="left">what happened</th>)",
      noun, escape_html(story.label.empty() ? "positive" : story.label));
  return fmt::format(R"(<section class="card"><h2>{} by {}</h2>{}</section>)",
                     noun == "week"  ? "Week"
                     : noun == "day" ? "Day"
                                     : "Window",
                     noun, table(noun + " by " + noun, head, rows));
}

std::string gate_row(const Json& gate) {
  auto passed = gate.value("passed", false);
  auto champion = text_in(gate, "champion_version");
  return fmt::format(
      R"(<tr><th scope="row">{}</th><td class="left"><span class="tag {}">{} v{}</span></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class="left wrap">{}</td></tr>)",
      format_date(parse_time(text_in(gate, "event_time")).value_or(Timestamp{})), passed ? "promoted" : "rejected",
      passed ? "promoted" : "rejected", escape_html(text_in(gate, "version")),
      decimal(number_in(gate, "challenger"), 5), champion.empty() ? "–" : "v" + escape_html(champion),
      decimal(number_in(gate, "champion"), 5), decimal(number_in(gate, "margin"), 4),
      std::isfinite(number_in(gate, "rows")) ? grouped(static_cast<std::int64_t>(number_in(gate, "rows"))) : "–",
      escape_html(text_in(gate, "reason")));
}

std::string gates(const Story& story) {
  if (story.gates.empty()) return {};
  std::vector<const Json*> by_time;
  for (const auto& gate : story.gates) by_time.push_back(&gate);
  std::ranges::sort(by_time, {}, [](const Json* gate) {
    return std::pair(text_in(*gate, "event_time"), number_in(*gate, "version"));
  });
  std::string rows;
  for (const auto* gate : by_time) rows += gate_row(*gate);
  auto metric = escape_html(text_in(*by_time.front(), "metric"));
  auto head = fmt::format(
      R"(<th scope="col">when</th><th scope="col" class="left">decision</th><th scope="col">challenger<br>{}</th><th scope="col">champion</th><th scope="col">champion<br>{}</th><th scope="col">margin</th><th scope="col">rows</th><th scope="col" class="left">why</th>)",
      metric, metric);
  return fmt::format(
      R"(<section class="card"><h2>What the gate decided</h2><p class="soft">A retrained version (the challenger) is promoted only where it beats the version that serves (the champion) by the margin, on the newest labelled rows.</p>{}</section>)",
      table("Decisions of the gate", head, rows));
}

std::string footer(const Story& story) {
  return fmt::format(
      "Project <code>{}</code>, endpoint <code>{}</code>, monitor <code>{}</code>. Mean log-loss is over all labelled "
      "predictions of the windows above. "
      "Decisions <code>{}</code>: the same for every run that decided the same. Made by <code>millrace replay</code>; "
      "opens offline.",
      escape_html(story.project), escape_html(story.endpoint), escape_html(story.monitor),
      escape_html(story.decisions_hash));
}

}  // namespace

std::string story_report(const Story& story) {
  return fill_template({kTemplate, sizeof kTemplate},
                       {{"title", escape_html(story.project) + " · Millrace replay"},
                        {"over", fmt::format("Millrace replay · project {}", escape_html(story.project))},
                        {"headline", headline(story)},
                        {"lead", lead(story)},
                        {"tiles", tiles(story)},
                        {"body", hero(story) + small_charts(story) + weeks(story) + gates(story)},
                        {"footer", footer(story)}});
}

}  // namespace millrace::cli
