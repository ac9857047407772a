#pragma once

#include <filesystem>

#include "base/result.h"

namespace millrace::db {

// Holds a home folder for one server: a lock on HOME/lock that ends with the process, however it ends.
class HomeLock {
 public:
  // Makes the folder where there is none. kFailedPrecondition, naming the holder's pid, when another process has it.
  static Result<HomeLock> acquire(const std::filesystem::path& home);
  ~HomeLock();
  HomeLock(HomeLock&& other) noexcept;
  HomeLock& operator=(HomeLock&&) = delete;

 private:
  explicit HomeLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace millrace::db
