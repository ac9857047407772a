#pragma once

#include <filesystem>
#include <string>

#include "app/manifest.h"
#include "base/result.h"
#include "base/time.h"

namespace millrace::app {

// A home folder and its database; `db` as in ServerSettings.
struct Place {
  std::filesystem::path home;
  std::string db;
};

// Writes all of a server's data into `target`, a new or empty folder; the server may run meanwhile. The database is
// that of one moment, and every file that it refers to is there.
Result<Manifest> back_up(const Place& place, const std::filesystem::path& target, const Clock& clock);

// Reads all of a backup again: kDataLoss for a file that is missing, changed or not its own.
Result<Manifest> verify_backup(const std::filesystem::path& backup);

// Makes a new or empty home folder, and a new database, of a backup that is verified first.
Result<Manifest> restore(const std::filesystem::path& backup, const Place& place);

}  // namespace millrace::app
