#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "proc/child.h"
#include "proc/spawner.h"
#include "serving/runtimes/worker_protocol.h"

namespace millrace::serving {

using Moment = std::chrono::steady_clock::time_point;

// What a worker is started with.
struct WorkerSettings {
  std::string model;                  // for the log
  std::filesystem::path folder;       // the model's
  std::filesystem::path library;      // where the package millrace_worker stands
  std::string interpreter;            // a name or a path
  std::filesystem::path environment;  // the virtual environment that it belongs to, or empty
  std::int64_t memory = 0;            // bytes that it may have resident; 0: any
  Duration start_timeout = std::chrono::minutes(5);
};

// The last lines that a process wrote, and the log of all of them.
class WorkerOutput;

// A Python process that has loaded a model. One thread at a time may use it. It is killed when it is destroyed, and
// what runs fails soon after it was told to stop.
class PythonWorker {
 public:
  // Returns once the model is loaded. kFailedPrecondition says why it cannot be: no interpreter, no package, a model
  // that does not load. kUnavailable once it shall stop.
  static Result<std::unique_ptr<PythonWorker>> start(proc::Spawner& spawner, const WorkerSettings& settings,
                                                     std::stop_token stop);
  ~PythonWorker();
  PythonWorker(const PythonWorker&) = delete;
  PythonWorker& operator=(const PythonWorker&) = delete;

  pid_t pid() const { return child_.pid(); }
  std::int64_t resident_bytes() const;
  // What the model takes and answers, and a row that it takes.
  const WorkerMessage& loaded() const { return loaded_; }

  // The model's outputs. An error of the model's leaves the worker as it is. Where the worker ends, takes longer than
  // until `deadline` (kDeadlineExceeded) or more memory than it may (kUnavailable), it is killed, and of no more use.
  Result<std::vector<Tensor>> infer(std::span<const TensorView> inputs, Moment deadline);
  // Whether it is there and answers; kills it where not.
  Result<void> check(Moment deadline);
  bool usable() const { return usable_; }
  // Why it is not.
  const std::string& problem() const { return problem_; }
  // Its process has.
  bool has_ended() { return child_.wait_for(Duration{0}).has_value(); }

 private:
  PythonWorker(WorkerSettings settings, proc::Child child, Fd socket, std::shared_ptr<WorkerOutput> output,
               std::stop_token stop);

  Result<void> greet(Moment deadline);
  Result<WorkerMessage> exchange(std::string_view frame, std::int64_t id, Moment deadline);
  Result<void> send(std::string_view bytes, Moment deadline);
  Result<void> receive(std::span<std::byte> into, Moment deadline);
  Result<WorkerMessage> receive_message(Moment deadline);
  Result<void> wait_for_socket(short events, Moment deadline);
  Result<void> check_memory();
  std::unexpected<Error> ended();
  std::unexpected<Error> give_up(Error error);
  void kill();

  WorkerSettings settings_;
  proc::Child child_;
  Fd socket_;
  std::shared_ptr<WorkerOutput> output_;
  std::stop_token stop_;
  WorkerMessage loaded_;
  std::int64_t last_id_ = 0;
  bool usable_ = true;
  std::string problem_;
};

}  // namespace millrace::serving
