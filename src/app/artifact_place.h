#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "blob/blob.h"

namespace millrace::app {

// Opens the place of a home folder's artifacts: files in HOME/artifacts where `uri` is "", else "s3://BUCKET/PREFIX".
// A home folder stays with the place that it began with, which HOME/artifacts-place names where it is not files:
// kFailedPrecondition for another one.
Result<std::unique_ptr<blob::Store>> open_artifacts(const std::filesystem::path& home, const std::string& uri,
                                                    const Clock& clock, IdSource& ids);

}  // namespace millrace::app
