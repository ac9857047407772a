#include "monitoring/reference_cache.h"

namespace millrace::monitoring {

Result<const Columns*> ReferenceCache::columns(duck::Connection& connection, const std::filesystem::path& file,
                                               const std::vector<std::string>& names) {
  if (file != file_ || names != names_) {
    columns_ = TRY(read_reference(connection, file, names, kMaxRows));
    file_ = file;
    names_ = names;
  }
  return &columns_;
}

}  // namespace millrace::monitoring
