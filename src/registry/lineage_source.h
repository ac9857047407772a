#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lineage/source.h"

namespace millrace::db {
class Database;
}

namespace millrace::registry {

// Registered versions as nodes "model:NAME/VERSION": downstream of the run and of the logged model that they were made
// of. Each says which aliases stand on it, and since when.
class LineageSource : public lineage::Source {
 public:
  // The tables are those of Store, which is opened before.
  explicit LineageSource(db::Database& database) : database_(database) {}

  Result<std::vector<std::string>> neighbours(const std::string& id, lineage::Direction direction,
                                              int limit) const override;
  Result<bool> describe(lineage::Node& node) const override;

 private:
  db::Database& database_;
};

struct VersionName {
  std::string model;
  std::int64_t version = 0;
};
// What "model:NAME/VERSION" names; nothing for other ids.
std::optional<VersionName> version_of_node(std::string_view id);
std::string node_of_version(std::string_view model, std::int64_t version);

}  // namespace millrace::registry
