#include "replicas/shipper.h"

#include <algorithm>
#include <optional>

#include "base/files.h"
#include "base/log.h"
#include "datasets/row_log.h"
#include "serving/serving.h"

namespace millrace::replicas {
namespace {

namespace fs = std::filesystem;

constexpr auto kEvery = std::chrono::seconds(2);
constexpr std::string_view kLogSuffix = ".predictions";

// The server cannot be reached, or will not listen to this replica: trying the next file would be no better.
bool is_lost(const Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded || error.code == Code::kCancelled;
}

// The server will never take it.
bool is_refused(const Error& error) { return error.code == Code::kNotFound || error.code == Code::kInvalidArgument; }

std::uint64_t rows_in(std::string_view file) {
  std::uint64_t rows = 0;
  (void)datasets::read_row_log(file, [&](const duck::Table& read) -> Result<void> {
    rows += read.rows;
    return {};
  });
  return rows;
}

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".rows") files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

}  // namespace

struct Shipper::Counters {
  metrics::Counter& shipped;
  metrics::Counter& dropped;
  metrics::Gauge& waiting;
};

Shipper::Shipper(Parts parts)
    : parts_(std::move(parts)),
      counters_(std::make_unique<Counters>(
          parts_.metrics.counter("millrace_replica_predictions_shipped_total", "Logged rows that the server has."),
          parts_.metrics.counter("millrace_replica_predictions_dropped_total",
                                 "Logged rows that were given up: no room to keep them, or refused by the server."),
          parts_.metrics.gauge("millrace_replica_predictions_waiting_bytes",
                               "Logged rows that the server has not got yet."))) {}

Result<std::unique_ptr<Shipper>> Shipper::start(Parts parts) {
  std::unique_ptr<Shipper> shipper(new Shipper(std::move(parts)));
  TRY(Upstream::open(shipper->parts_.server, {}));  // that it can be had later, too
  shipper->thread_ = std::jthread([raw = shipper.get()](const std::stop_token& stop) { raw->run(stop); });
  return shipper;
}

Shipper::~Shipper() = default;

void Shipper::run(const std::stop_token& stop) {
  auto server = Upstream::open(parts_.server, stop);
  std::unique_lock lock(mutex_);
  bool trouble = false;
  while (server && !stop.stop_requested()) {
    wake_.wait_for(lock, stop, trouble ? kEvery * 5 : kEvery, [] { return false; });
    if (stop.stop_requested()) return;
    const auto shipped = ship_all(*server);
    if (!shipped && !trouble && !is_lost(shipped.error()))
      log::warn("predictions wait for the server", {{"error", shipped.error().message}});
    trouble = !shipped;
    if (trouble) give_up_beyond_limit();
  }
}

bool Shipper::finish(Duration patience) {
  thread_ = {};
  const auto until = std::chrono::steady_clock::now() + patience;
  std::stop_source stop;
  std::jthread watch([&](const std::stop_token& done) {
    std::unique_lock lock(mutex_);
    wake_.wait_until(lock, done, until, [] { return false; });
    stop.request_stop();
  });
  auto server = Upstream::open(parts_.server, stop.get_token());
  const auto shipped = server ? ship_all(*server) : std::unexpected(server.error());
  if (!shipped) log::warn("predictions stay for the next start", {{"error", shipped.error().message}});
  return shipped.has_value();
}

// One endpoint's trouble at the server is not another's.
Result<void> Shipper::ship_all(Upstream& server) {
  Result<void> result;
  const auto note = [&](Result<void> shipped) {
    if (!shipped && (result || is_lost(shipped.error()))) result = std::move(shipped);
    return result || !is_lost(result.error());
  };
  for (const std::string& name : parts_.endpoints.names())
    if (!note(ship_log(server, name))) break;
  if (result && parts_.settled())
    for (const Log& old : old_logs())
      if (!note(ship_old(server, old))) break;
  if (result) counters_->waiting.set(0);
  return result;
}

Result<void> Shipper::ship_log(Upstream& server, const std::string& endpoint) {
  for (const auto& file : TRY(parts_.endpoints.seal_predictions(endpoint))) {
    TRY(ship(server, endpoint, file.path));
    TRY(parts_.endpoints.drop_predictions(endpoint, file.sequence));
  }
  return {};
}

Result<void> Shipper::ship_old(Upstream& server, const Log& old) {
  for (const fs::path& file : old.files) {
    TRY(ship(server, old.endpoint, file));
    std::error_code error;
    fs::remove(file, error);
  }
  return {};
}

Result<void> Shipper::ship(Upstream& server, const std::string& endpoint, const fs::path& file) {
  const auto bytes = read_file(file);
  if (!bytes && bytes.error().code == Code::kNotFound) return {};
  if (!bytes) return std::unexpected(bytes.error());
  const auto taken = server.send_predictions(endpoint, *bytes);
  if (taken) counters_->shipped.add(static_cast<std::uint64_t>(*taken));
  if (taken || !is_refused(taken.error())) return taken ? Result<void>() : std::unexpected(taken.error());
  const std::uint64_t rows = rows_in(*bytes);
  counters_->dropped.add(rows);
  log::error("predictions are given up, as the server refuses them",
             {{"endpoint", endpoint}, {"rows", std::to_string(rows)}, {"error", taken.error().message}});
  return {};
}

// Of endpoints that are no more.
std::vector<Shipper::Log> Shipper::old_logs() const {
  const auto names = parts_.endpoints.names();
  std::vector<Log> logs;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(parts_.logs, error)) {
    std::string name = entry.path().filename().string();
    if (!name.ends_with(kLogSuffix)) continue;
    name.resize(name.size() - kLogSuffix.size());
    if (std::ranges::find(names, name) != names.end()) continue;
    if (auto files = files_in(entry.path() / "log"); !files.empty()) logs.push_back({name, std::move(files)});
  }
  return logs;
}

// The oldest first. What old logs have is not counted: it does not grow.
void Shipper::give_up_beyond_limit() {
  std::vector<Waiting> waiting = list_waiting();
  std::uint64_t bytes = 0, rows = 0;
  for (const Waiting& file : waiting) bytes += file.bytes;
  for (const Waiting& file : waiting) {
    if (bytes <= parts_.most_bytes) break;
    if (!parts_.endpoints.drop_predictions(file.endpoint, file.sequence)) continue;
    bytes -= file.bytes;
    rows += file.rows;
  }
  counters_->waiting.set(static_cast<double>(bytes));
  if (rows == 0) return;
  counters_->dropped.add(rows);
  log::error("predictions are given up, as too many wait for the server", {{"rows", std::to_string(rows)}});
}

std::vector<Shipper::Waiting> Shipper::list_waiting() const {
  std::vector<Waiting> waiting;
  for (const std::string& name : parts_.endpoints.names()) {
    const auto files = parts_.endpoints.seal_predictions(name);
    if (!files) continue;
    for (const auto& file : *files) {
      std::error_code error;
      const auto bytes = fs::file_size(file.path, error);
      const auto written = fs::last_write_time(file.path, error);
      if (!error) waiting.push_back({name, file.sequence, static_cast<std::uint64_t>(file.rows), bytes, written});
    }
  }
  std::ranges::sort(waiting, {}, &Waiting::written);
  return waiting;
}

}  // namespace millrace::replicas
