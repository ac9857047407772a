#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "access/access.h"
#include "base/ids.h"
#include "base/result.h"
#include "db/db.h"

namespace millrace::app {

// The users of a home folder while no server runs on it. Whoever may write the folder may do all this.
class OfflineAccess {
 public:
  // `database` as --db has it: "" for the file in the folder. kFailedPrecondition while a server has the folder.
  static Result<std::unique_ptr<OfflineAccess>> open(const std::filesystem::path& home, const std::string& database);

  access::Store& store() { return *store_; }

 private:
  explicit OfflineAccess(db::HomeLock lock) : lock_(std::move(lock)) {}

  WallClock clock_;
  RandomIds ids_;
  db::HomeLock lock_;
  std::unique_ptr<db::Database> db_;
  std::unique_ptr<access::Store> store_;
};

}  // namespace millrace::app
