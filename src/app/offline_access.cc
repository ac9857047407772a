#include "app/offline_access.h"

#include "app/home_id.h"
#include "base/files.h"

namespace millrace::app {

Result<std::unique_ptr<OfflineAccess>> OfflineAccess::open(const std::filesystem::path& home,
                                                           const std::string& database) {
  TRY(make_directories(home));
  std::unique_ptr<OfflineAccess> access(new OfflineAccess(TRY(db::HomeLock::acquire(home))));
  access->db_ = TRY(db::Database::open(database_uri(home, database)));
  TRY(match_home(home, *access->db_, access->ids_));
  access->store_ = TRY(access::Store::open(*access->db_, access->clock_));
  return access;
}

}  // namespace millrace::app
