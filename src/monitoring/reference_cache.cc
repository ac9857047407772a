#include "monitoring/reference_cache.h"

#include "monitoring/window_rows.h"

namespace millrace::monitoring {

Result<const std::map<std::string, Column>*> ReferenceCache::columns(duck::Connection& connection,
                                                                     const std::filesystem::path& file,
                                                                     const std::vector<std::string>& names) {
  if (file != file_ || names != names_) {
    columns_ = TRY(read_reference(connection, file, names, kMaxRows));
    file_ = file;
    names_ = names;
  }
  return &columns_;
}

}  // namespace millrace::monitoring
