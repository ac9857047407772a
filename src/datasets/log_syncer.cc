#include "datasets/log_syncer.h"

#include <chrono>

#include "base/log.h"
#include "datasets/row_log.h"

namespace millrace::datasets {
namespace {

constexpr auto kEvery = std::chrono::milliseconds(500);

}  // namespace

LogSyncer::LogSyncer() : thread_([this](const std::stop_token& stop) { keep(stop); }) {}

void LogSyncer::add(RowLog& log) {
  const std::scoped_lock lock(mutex_);
  logs_.push_back(&log);
}

void LogSyncer::remove(RowLog& log) {
  const std::scoped_lock lock(mutex_);
  std::erase(logs_, &log);
}

void LogSyncer::keep(const std::stop_token& stop) {
  std::unique_lock lock(wait_mutex_);
  while (!stop.stop_requested()) {
    wake_.wait_for(lock, stop, kEvery, [] { return false; });
    sync_all();
  }
}

void LogSyncer::sync_all() {
  const std::scoped_lock lock(mutex_);
  for (RowLog* log : logs_) {
    if (const auto synced = log->sync(); !synced) {
      log::error("logged rows could not be synced; a loss of power would take them",
                 {{"error", synced.error().message}});
    }
  }
}

}  // namespace millrace::datasets
