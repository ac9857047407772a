#include "db/catalog.h"

#include <fmt/format.h>

namespace millrace::db {

std::string sql_name(const std::string& name) { return fmt::format("\"{}\"", name); }

}  // namespace millrace::db
