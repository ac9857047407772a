#include "cli/replay/driver.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <thread>

namespace millrace::cli {
namespace {

constexpr int kConnections = 4;
constexpr int kPipeline = 16;  // requests under way on each
constexpr std::size_t kMostPending = 64;
constexpr auto kReportInterval = std::chrono::milliseconds(500);
constexpr auto kPatience = std::chrono::minutes(3);  // for a server that has gone away
constexpr std::int64_t kMostFailures = 1000;         // more, and the replay gives up
constexpr auto kPause = std::chrono::milliseconds(50);
constexpr std::size_t kLossDays = 7;
constexpr Duration kDay = std::chrono::days(1);

std::vector<double> fine_latency_buckets() {
  std::vector<double> bounds;
  for (double bound = 5e-6; bound < 20; bound *= 1.1) bounds.push_back(bound);
  return bounds;
}

// The text between `before` and the next quote, or the number behind `before`: all that a replay wants of an answer.
std::string_view text_after(std::string_view body, std::string_view before) {
  auto at = body.find(before);
  if (at == std::string_view::npos) return {};
  body.remove_prefix(at + before.size());
  return body.substr(0, body.find_first_of("\",]}"));
}

double number_after(std::string_view body, std::string_view before) {
  auto text = text_after(body, before);
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty()
             ? value
             : std::numeric_limits<double>::quiet_NaN();
}

Result<std::pair<std::string, std::uint16_t>> host_and_port(const std::string& url) {
  auto rest = url.substr(url.find("://") == std::string::npos ? 0 : url.find("://") + 3);
  while (rest.ends_with('/')) rest.pop_back();
  auto colon = rest.rfind(':');
  std::uint16_t port = 80;
  if (colon != std::string::npos) {
    auto [end, error] = std::from_chars(rest.data() + colon + 1, rest.data() + rest.size(), port);
    if (error != std::errc{} || end != rest.data() + rest.size())
      return invalid_argument("\"{}\" is not a server's URL", url);
  }
  return std::pair(rest.substr(0, colon), port);
}

}  // namespace

ReplayDriver::ReplayDriver(delivery::ReplaySpec spec, const History& history, Report report)
    : spec_(std::move(spec)),
      history_(history),
      report_(std::move(report)),
      latencies_(fine_latency_buckets()),
      answers_(history.size(), std::numeric_limits<float>::quiet_NaN()) {
  infer_target_ = api::target("/v2/models/{}/infer", spec_.endpoint);
  labels_target_ = api::target("/api/v1/endpoints/{}/labels", spec_.endpoint);
  push_target_ = api::target("/api/v1/datasets/{}/push?push_id=", spec_.push_dataset);
  progress_.log_loss = std::numeric_limits<double>::quiet_NaN();
}

Result<std::unique_ptr<ReplayDriver>> ReplayDriver::open(const std::string& server, const net::ClientOptions& options,
                                                         const delivery::ReplaySpec& spec, const History& history,
                                                         Report report) {
  std::unique_ptr<ReplayDriver> driver(new ReplayDriver(spec, history, std::move(report)));
  driver->api_ = std::make_unique<api::ApiClient>(TRY(api::ApiClient::open(server, options)));
  auto [host, port] = TRY(host_and_port(server));
  driver->load_ = TRY(net::LoadClient::open(
      {.host = host, .port = port, .bearer = options.bearer, .connections = kConnections, .pipeline = kPipeline}));
  return driver;
}

Result<void> ReplayDriver::run() {
  while (next_asked_ < history_.size() && history_.asked_at(next_asked_) < spec_.predict_from) ++next_asked_;
  const auto& known = history_.by_known();
  while (next_known_ < known.size() && history_.known_at(known[next_known_]) < spec_.predict_from) ++next_known_;
  for (auto day = spec_.from; day < spec_.until; day = day + kDay) TRY(run_day(day));
  return {};
}

// A day: what happens in it by the minute, then its batch, then midnight.
Result<void> ReplayDriver::run_day(Timestamp day) {
  for (auto at = day; at < day + kDay; at = at + spec_.step) {
    auto end = at + spec_.step;
    if (end > spec_.predict_from) TRY(live_until(end));
    if (end == day + kDay) TRY(send_batch(day));
    TRY(advance_clock(end));
  }
  return {};
}

// Every moment before `end` at which something becomes known or is asked for, in order: first it is told, and once that
// is acknowledged, it is asked.
Result<void> ReplayDriver::live_until(Timestamp end) {
  const auto& known = history_.by_known();
  while (true) {
    auto moment = end;
    if (next_known_ < known.size()) moment = std::min(moment, history_.known_at(known[next_known_]));
    if (next_asked_ < history_.size()) moment = std::min(moment, history_.asked_at(next_asked_));
    if (moment >= end) return drain();
    TRY(tell(moment));
    TRY(wait_for_tellings());
    for (; next_asked_ < history_.size() && history_.asked_at(next_asked_) == moment; ++next_asked_) ask(next_asked_);
    if (progress_.failures > kMostFailures)
      return failed_precondition("{} requests failed; the first: {}", progress_.failures, progress_.first_failure);
    progress_.now = moment;
  }
}

Result<void> ReplayDriver::tell(Timestamp moment) {
  const auto& known = history_.by_known();
  std::string labels = R"({"labels":[)", rows = "[";
  std::int64_t label_count = 0, row_count = 0;
  for (; next_known_ < known.size() && history_.known_at(known[next_known_]) == moment; ++next_known_) {
    auto row = known[next_known_];
    history_.append_push(rows, row);
    ++row_count;
    if (history_.asked_at(row) < spec_.predict_from) continue;
    history_.append_label(labels, row);
    ++label_count;
    note_outcome(row);
  }
  if (row_count > 0 && !spec_.push_dataset.empty()) post(push_target_ + std::to_string(moment.us), rows + "]", {});
  if (label_count > 0) {
    post(labels_target_, labels + "]}", {});
    progress_.labels += label_count;
  }
  return {};
}

void ReplayDriver::post(std::string target, std::string body, std::function<void(const net::ClientResponse&)> then) {
  ++tellings_;
  auto done = std::make_shared<std::function<void(const net::ClientResponse&, Duration)>>(
      [this, then = std::move(then)](const net::ClientResponse& response, Duration) {
        --tellings_;
        if (response.status >= 300) note_failure(response, "a label or a row");
        if (then) then(response);
      });
  submit(std::make_shared<std::string>(std::move(target)), std::make_shared<std::string>(std::move(body)),
         std::move(done));
}

void ReplayDriver::ask(std::size_t row) {
  auto done = std::make_shared<std::function<void(const net::ClientResponse&, Duration)>>(
      [this, row](const net::ClientResponse& response, Duration latency) { note_answer(row, response, latency); });
  submit(std::make_shared<std::string>(infer_target_), std::make_shared<std::string>(history_.request(row)),
         std::move(done));
  if (load_->pending() > kMostPending) load_->run_until(kMostPending);
}

// A request that was lost with its connection is kept, to be sent again when the server is back.
void ReplayDriver::submit(std::shared_ptr<std::string> target, std::shared_ptr<std::string> body,
                          std::shared_ptr<std::function<void(const net::ClientResponse&, Duration)>> then) {
  load_->submit("POST", *target, *body, [=, this](Result<net::ClientResponse>&& response, Duration latency) {
    // A server that is full says when to come again; one that has no model yet does not.
    bool full = response && response->status == 503 && !response->header("Retry-After").empty();
    if (response && !full) return (*then)(*response, latency);
    ++progress_.retried;
    lost_.push_back([=, this] { submit(target, body, then); });
  });
}

Result<void> ReplayDriver::drain() {
  load_->run_until(0);
  while (!lost_.empty()) {
    TRY(wait_for_server());
    auto again = std::move(lost_);
    lost_.clear();
    for (auto& send : again) send();
    load_->run_until(0);
  }
  return {};
}

Result<void> ReplayDriver::wait_for_tellings() {
  while (tellings_ > 0 && lost_.empty()) load_->run_until(load_->pending() - 1);
  return lost_.empty() ? Result<void>{} : drain();
}

void ReplayDriver::note_failure(const net::ClientResponse& response, std::string_view what) {
  ++progress_.failures;
  if (progress_.first_failure.empty())
    progress_.first_failure =
        fmt::format("{} was answered with status {}: {}", what, response.status, response.body.substr(0, 300));
}

void ReplayDriver::note_answer(std::size_t row, const net::ClientResponse& response, Duration latency) {
  if (response.status != 200) return note_failure(response, "a prediction");
  ++progress_.predictions;
  latencies_.observe(static_cast<double>(latency.count()) / 1e6);
  auto version = text_after(response.body, "\"model_version\":\"");
  if (version != progress_.version) progress_.version = version;
  answers_[row] = static_cast<float>(number_after(response.body, "\"data\":["));
  if (progress_.predictions % 256 != 0) return;
  auto now = std::chrono::steady_clock::now();
  if (now - last_report_ < kReportInterval) return;
  last_report_ = now;
  report_(progress_);
}

void ReplayDriver::note_outcome(std::size_t row) {
  auto p = static_cast<double>(answers_[row]);
  if (!std::isfinite(p)) return;
  auto at = history_.known_at(row);
  Timestamp day{at.us - ((at.us % kDay.count()) + kDay.count()) % kDay.count()};
  if (losses_.empty() || losses_.back().day != day) losses_.push_back({day});
  if (losses_.size() > kLossDays) losses_.erase(losses_.begin());
  auto clipped = std::clamp(p, 1e-15, 1 - 1e-15);
  losses_.back().sum += history_.label(row) >= 0.5 ? -std::log(clipped) : -std::log1p(-clipped);
  ++losses_.back().rows;
  double sum = 0, rows = 0;
  for (const auto& loss : losses_) sum += loss.sum, rows += static_cast<double>(loss.rows);
  progress_.log_loss = sum / rows;
}

Result<void> ReplayDriver::wait_for_server() {
  auto until = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    auto health = api_->get("/health");
    if (health) return {};
    if (std::chrono::steady_clock::now() > until) return std::unexpected(health.error());
    std::this_thread::sleep_for(kPause);
  }
}

Result<Json> ReplayDriver::patiently(const std::function<Result<Json>()>& call) {
  while (true) {
    auto answer = call();
    auto gone = [](Code code) {
      return code == Code::kUnavailable || code == Code::kDeadlineExceeded || code == Code::kDataLoss;
    };
    if (answer || !gone(answer.error().code)) return answer;
    ++progress_.retried;
    TRY(wait_for_server());
  }
}

// The batch's id is its day, so that sending it again adds nothing.
Result<void> ReplayDriver::send_batch(Timestamp day) {
  auto bytes = TRY(history_.batch(day, day + kDay));
  if (bytes.empty()) return {};
  auto target = api::target("/api/v1/datasets/{}/batches?format=parquet&batch_id={}&event_time={}", spec_.batch_dataset,
                            format_time(day).substr(0, 10), format_time(day + kDay));
  TRY(patiently([&] { return api_->post_bytes(target, bytes, "application/vnd.apache.parquet"); }));
  ++progress_.batches;
  return {};
}

// Time moves on when all that followed from the time before is done: so every run of a replay decides the same.
Result<void> ReplayDriver::advance_clock(Timestamp to) {
  progress_.now = to;
  Json body{{"now", format_time(to)}, {"wait", true}};
  auto clock = TRY(patiently([&] { return api_->put("/api/v1/clock", body); }));
  while (!clock.value("settled", false)) {
    report_(progress_);
    clock = TRY(patiently([&] { return api_->put("/api/v1/clock", body); }));
  }
  report_(progress_);
  return {};
}

}  // namespace millrace::cli
