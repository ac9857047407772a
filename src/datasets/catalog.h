#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "datasets/dataset_spec.h"
#include "datasets/version.h"
#include "db/database.h"

// What the datasets keep in the metadata database.
namespace millrace::datasets {

struct CatalogEntry {
  DatasetSpec spec;
  bool is_log = false;
};

// A version as it is written; `version.segments` holds only the new segment.
struct NewVersion {
  Version version;
  std::string profile_state;
  std::optional<std::string> quarantine_uri;
  std::optional<std::int64_t> log_sequence;
};

struct QuarantineFile {
  std::int64_t version = 0;
  std::string batch_id;
  std::string uri;
  std::int64_t rows = 0;
};

class Catalog {
 public:
  static Result<Catalog> open(db::Database& database);

  Result<std::vector<CatalogEntry>> entries() const;
  Result<void> put(const CatalogEntry& entry);

  Result<void> add_version(db::Transaction& tx, const NewVersion& version);
  // kNotFound where there is none; the newest where no number is given. Segments lack their paths.
  Result<Version> version(std::string_view dataset, std::optional<std::int64_t> number) const;
  Result<std::optional<VersionSummary>> newest(std::string_view dataset) const;
  Result<std::optional<VersionSummary>> of_batch(std::string_view dataset, std::string_view batch_id) const;
  Result<std::vector<VersionSummary>> list_versions(std::string_view dataset, std::int64_t before, int limit) const;
  Result<std::vector<std::string>> segment_hashes(std::string_view dataset) const;
  Result<std::string> profile_state(std::string_view dataset) const;  // "" before the first version
  Result<std::string> validation(std::string_view dataset, std::int64_t version) const;
  Result<std::vector<QuarantineFile>> quarantine_files(std::string_view dataset,
                                                       std::optional<std::int64_t> version) const;
  Result<std::int64_t> log_sequence(std::string_view dataset) const;  // 0: nothing converted yet
  Result<std::vector<std::string>> uris() const;                      // of all files that versions refer to

 private:
  explicit Catalog(db::Database& database) : database_(&database) {}
  db::Database* database_;
};

}  // namespace millrace::datasets
