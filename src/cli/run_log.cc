#include "cli/run_log.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/text.h"

namespace millrace::cli {
namespace {

constexpr auto kPause = std::chrono::milliseconds(150);

bool is_finished_status(const std::string& status) {
  return status != "queued" && status != "running" && status != "pending";
}

std::string log_target(const std::string& run, const std::string& step, std::int64_t offset) {
  return api::target("/api/v1/pipeline-runs/{}/steps/{}/log", run, step) + fmt::format("?offset={}", offset);
}

void print_line(const std::string& step, const std::string& line) { fmt::print("{} | {}\n", step, line); }

std::string end_text(const Json& step) {
  auto status = cell(step, "status");
  if (auto run = short_id(step, "cached_from"); run != "-") return fmt::format("{}, taken from run {}", status, run);
  auto error = cell_or_empty(step, "error");
  auto took = elapsed(step, "started", "finished");
  return fmt::format("{}{}{}", status, took == "-" ? "" : " after " + took, error.empty() ? "" : ": " + error);
}

}  // namespace

bool is_finished(const Json& run) { return is_finished_status(cell(run, "status")); }

RunLog::RunLog(api::ApiClient& client, std::string run) : client_(client), run_(std::move(run)) {}

RunLog::StepLog& RunLog::log_of(const std::string& step) {
  auto found = std::ranges::find(logs_, step, &StepLog::name);
  if (found != logs_.end()) return *found;
  return logs_.emplace_back(StepLog{.name = step});
}

// A log may grow until its step has ended; so the step's state is the one from before the log was read.
Result<void> RunLog::print_new(const Json& step, StepLog& log, bool run_finished) {
  auto status = cell(step, "status");
  if (log.ended || status == "pending") return {};
  for (;;) {
    auto chunk = TRY(client_.get(log_target(run_, log.name, log.offset)));
    auto text = cell_or_empty(chunk, "text");
    if (text.empty()) break;
    log.offset = member(chunk, "next").get<std::int64_t>();
    log.line += text;
    for (auto end = log.line.find('\n'); end != std::string::npos; end = log.line.find('\n')) {
      print_line(log.name, log.line.substr(0, end));
      log.line.erase(0, end + 1);
    }
  }
  log.ended = run_finished || is_finished_status(status);
  if (!log.ended) return {};
  if (!log.line.empty()) print_line(log.name, log.line);
  print_line(log.name, fmt::format("({})", end_text(step)));
  return {};
}

Result<Json> RunLog::print_new() {
  auto run = TRY(client_.get(api::target("/api/v1/pipeline-runs/{}", run_)));
  for (const auto& step : member(run, "steps")) TRY(print_new(step, log_of(cell(step, "name")), is_finished(run)));
  std::fflush(stdout);
  return run;
}

Result<Json> RunLog::follow() {
  for (;;) {
    auto run = TRY(print_new());
    if (is_finished(run)) return run;
    std::this_thread::sleep_for(kPause);
  }
}

Result<void> print_step_log(api::ApiClient& client, const std::string& run, const std::string& step, Until until) {
  std::int64_t offset = 0;
  for (;;) {
    auto chunk = TRY(client.get(log_target(run, step, offset)));
    auto text = cell_or_empty(chunk, "text");
    fmt::print("{}", text);
    std::fflush(stdout);
    offset = member(chunk, "next").get<std::int64_t>();
    if (!text.empty()) continue;
    if (until == Until::kNow || member(chunk, "complete") == true) return {};
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace millrace::cli
