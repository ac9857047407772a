#include "app/backup.h"

#include <algorithm>
#include <array>
#include <utility>

#include "app/copied_files.h"
#include "app/home_id.h"
#include "app/seal_keys.h"
#include "app/server.h"
#include "base/files.h"
#include "base/hash.h"
#include "blob/durable.h"
#include "db/copy.h"
#include "db/home_lock.h"

namespace millrace::app {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDatabase = "millrace.db";

// What a server makes anew, what belongs to the process, and the key without which the backup's secrets stay shut. The
// database is copied by itself.
bool stays_behind(std::string_view path) {
  constexpr std::array<std::string_view, 6> kNames = {
      "lock", "tmp", "artifacts/.staging", "artifacts/.uploads", "datasets/.scratch", kSealKeyFile};
  return std::ranges::find(kNames, path) != kNames.end() || path.starts_with(kDatabase);
}

Result<void> check_empty(const fs::path& folder, std::string_view what) {
  std::error_code error;
  if (fs::exists(folder, error) && (!fs::is_directory(folder, error) || !fs::is_empty(folder, error))) {
    return failed_precondition("{} is not empty; {}", folder.string(), what);
  }
  return make_directories(folder);
}

Result<BackupFile> described(const fs::path& backup, const std::string& path) {
  return BackupFile{path, static_cast<std::int64_t>(fs::file_size(backup / path)), TRY(sha256_file(backup / path))};
}

Result<void> check_file(const fs::path& backup, const BackupFile& file) {
  const fs::path path = backup / file.path;
  if (!fs::is_regular_file(path)) return data_loss("{} is missing from the backup {}", file.path, backup.string());
  if (TRY(sha256_file(path)) != file.sha256) {
    return data_loss("{} in the backup {} is not what was backed up", file.path, backup.string());
  }
  return {};
}

// The files are copied before and after the database. What it refers to was there before it was referred to, and is
// never changed: it is among the first files or among those that are new. Rows on their way into a dataset are in the
// first files, or in the dataset.
Result<void> fill(const Place& place, const fs::path& target, Manifest& manifest) {
  CopiedFiles files(place.home, target / "home", stays_behind);
  TRY(files.copy_new());
  manifest.tables = TRY(db::copy(database_uri(place.home, place.db), target / kDatabase, db::Source::kShared));
  TRY(files.copy_new());
  for (BackupFile& file : files.files()) {
    file.path = "home/" + file.path;
    manifest.files.push_back(std::move(file));
  }
  manifest.files.push_back(TRY(described(target, std::string(kDatabase))));
  TRY(blob::sync_tree(target));
  return write_manifest(target, manifest);
}

}  // namespace

Result<Manifest> back_up(const Place& place, const fs::path& target, const Clock& clock) {
  if (!fs::is_directory(place.home)) return not_found("there is no home folder {}", place.home.string());
  TRY(check_empty(target, "a backup needs a folder of its own"));
  Manifest manifest{.version = version(), .made = clock.now()};
  if (auto filled = fill(place, target, manifest); !filled) {
    TRY(remove_tree(target));
    return std::unexpected(filled.error());
  }
  return manifest;
}

Result<Manifest> verify_backup(const fs::path& backup) {
  Manifest manifest = TRY(read_manifest(backup));
  for (const BackupFile& file : manifest.files) TRY(check_file(backup, file));
  return manifest;
}

Result<Manifest> restore(const fs::path& backup, const Place& place) {
  TRY(check_empty(place.home, "a backup is restored into a new home folder"));
  Manifest manifest = TRY(verify_backup(backup));
  const db::HomeLock lock = TRY(db::HomeLock::acquire(place.home));
  const auto none = [](std::string_view) { return false; };
  TRY(CopiedFiles(backup / "home", place.home, none).copy_new());
  const auto tables = TRY(db::copy(backup / kDatabase, database_uri(place.home, place.db), db::Source::kShared));
  if (tables != manifest.tables) {
    return data_loss("the database in the backup {} is not what was backed up", backup.string());
  }
  TRY(blob::sync_tree(place.home));
  return manifest;
}

}  // namespace millrace::app
