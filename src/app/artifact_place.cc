#include "app/artifact_place.h"

#include <cstdlib>

#include "base/files.h"
#include "blob/s3/s3.h"

namespace millrace::app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFiles = "files";

std::string shown(const std::string& place) { return place == kFiles ? "files in it" : place; }

// Where the artifacts of the home folder are by now; "" for a home folder that has none.
Result<std::string> known_place(const fs::path& home) {
  std::error_code error;
  if (fs::exists(home / "artifacts-place", error)) return read_file(home / "artifacts-place");
  return std::string(fs::exists(home / "artifacts", error) ? kFiles : "");
}

Result<void> keep_to(const fs::path& home, const std::string& place) {
  const auto known = TRY(known_place(home));
  if (known.empty() && place != kFiles) return write_file(home / "artifacts-place", place);
  if (known.empty() || known == place) return {};
  return failed_precondition("the home folder {} has its artifacts in {}, not in {}; start the server with {}",
                             home.string(), shown(known), shown(place),
                             known == kFiles ? "no --artifacts" : "--artifacts " + known);
}

}  // namespace

Result<std::unique_ptr<blob::Store>> open_artifacts(const fs::path& home, const std::string& uri, const Clock& clock,
                                                    IdSource& ids) {
  TRY(keep_to(home, uri.empty() ? std::string(kFiles) : uri));
  if (uri.empty()) return blob::open_local(home / "artifacts");
  auto settings = TRY(blob::parse_s3_uri(uri, [](const char* name) { return std::getenv(name); }));
  settings.copies = home / "copies";
  return blob::open_s3(std::move(settings), clock, ids);
}

}  // namespace millrace::app
