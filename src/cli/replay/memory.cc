#include "cli/replay/memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <vector>

namespace millrace::cli {
namespace {

constexpr auto kInterval = std::chrono::milliseconds(250);

struct Process {
  pid_t parent = 0;
  std::int64_t resident = 0;
};

// From /proc: every process with its parent and resident bytes.
std::map<pid_t, Process> processes() {
  std::map<pid_t, Process> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    auto name = entry.path().filename().string();
    if (!std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) continue;
    std::ifstream stat(entry.path() / "stat"), statm(entry.path() / "statm");
    std::string line;
    std::getline(stat, line);
    auto behind = line.rfind(')');  // the command's name may hold anything
    if (behind == std::string::npos) continue;
    Process process;
    char state = 0;
    std::sscanf(line.c_str() + behind + 1, " %c %d", &state, &process.parent);
    std::int64_t size = 0, pages = 0;
    statm >> size >> pages;
    process.resident = pages * sysconf(_SC_PAGESIZE);
    out[std::stoi(name)] = process;
  }
  return out;
}

bool descends(const std::map<pid_t, Process>& all, pid_t pid, pid_t ancestor) {
  for (int depth = 0; depth < 32 && pid > 1; ++depth) {
    if (pid == ancestor) return true;
    auto found = all.find(pid);
    if (found == all.end()) return false;
    pid = found->second.parent;
  }
  return false;
}

std::int64_t resident_of(pid_t self, pid_t server) {
  auto all = processes();
  std::int64_t sum = 0;
  for (const auto& [pid, process] : all)
    if (descends(all, pid, self) || (server > 0 && descends(all, pid, server))) sum += process.resident;
  return sum;
}

}  // namespace

MemoryWatch::MemoryWatch(pid_t server) : server_(server), thread_([this](std::stop_token stop) { watch(stop); }) {}

void MemoryWatch::watch(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    peak_ = std::max(peak_.load(), resident_of(getpid(), server_));
    wake.wait_for(lock, stop, kInterval, [] { return false; });
  }
}

}  // namespace millrace::cli
