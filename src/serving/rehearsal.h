#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "proc/spawner.h"

namespace millrace::serving {

// Has a model loaded by a process of its own before this one loads it: a library that crashes on a hostile file, or
// never comes to an end, then does so there. Thread-safe.
class Rehearsal {
 public:
  // Runs `program rehearse FOLDER`.
  explicit Rehearsal(std::string program, Duration limit = std::chrono::minutes(2))
      : program_(std::move(program)), limit_(limit) {}

  // kInvalidArgument where the process did not survive, kDeadlineExceeded where it took too long. Errors of the model
  // are none here: whoever loads it meets them, too.
  Result<void> run(const std::filesystem::path& folder) const;

 private:
  Result<proc::Child> start(const std::filesystem::path& folder) const;

  const std::string program_;
  const Duration limit_;
  mutable std::mutex mutex_;
  mutable std::unique_ptr<proc::Spawner> spawner_;  // guarded by mutex_ until it is there
};

}  // namespace millrace::serving
