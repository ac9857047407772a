#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/metrics.h"
#include "base/result.h"
#include "base/time.h"
#include "replicas/upstream.h"

namespace millrace::serving {
class Endpoints;
}

namespace millrace::replicas {

// Brings the prediction logs of a replica to its server, every few seconds, file by file. A file is gone from here once
// the server has it; one that came twice is one there, as a prediction's id is its key. While the server cannot be
// reached, files wait on the disk, also over the death of the process; beyond `most_bytes` the oldest are given up.
class Shipper {
 public:
  struct Parts {
    ServerPlace server;
    std::filesystem::path logs;  // the folder with the logs' folders, ENDPOINT.predictions/log
    serving::Endpoints& endpoints;
    metrics::Registry& metrics;
    std::uint64_t most_bytes = std::uint64_t{1} << 30;
    std::function<bool()> settled;  // all endpoints are there that will be: a log of none of them is an old one
  };
  static Result<std::unique_ptr<Shipper>> start(Parts parts);
  ~Shipper();

  // Ships what is left, for so long at most; true where nothing is left. Nothing is shipped afterwards.
  bool finish(Duration patience);

 private:
  struct Log {
    std::string endpoint;
    std::vector<std::filesystem::path> files;  // oldest first
  };
  // A file that the server has not got yet.
  struct Waiting {
    std::string endpoint;
    std::int64_t sequence = 0;
    std::uint64_t rows = 0, bytes = 0;
    std::filesystem::file_time_type written;
  };
  struct Counters;

  explicit Shipper(Parts parts);
  void run(const std::stop_token& stop);
  Result<void> ship_all(Upstream& server);
  Result<void> ship_log(Upstream& server, const std::string& endpoint);
  Result<void> ship_old(Upstream& server, const Log& old);
  Result<void> ship(Upstream& server, const std::string& endpoint, const std::filesystem::path& file);
  std::vector<Log> old_logs() const;
  void give_up_beyond_limit();
  std::vector<Waiting> list_waiting() const;

  Parts parts_;
  std::unique_ptr<Counters> counters_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

}  // namespace millrace::replicas
