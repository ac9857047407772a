#include "pipelines/cache_key.h"

#include "base/hash.h"

namespace millrace::pipelines {
namespace {

void add_map(Hasher& hasher, const std::map<std::string, std::string>& fields) {
  hasher.add_field(std::to_string(fields.size()));
  for (const auto& [name, value] : fields) hasher.add_field(name).add_field(value);
}

}  // namespace

std::string cache_key(const CacheKeyParts& parts) {
  Hasher hasher;
  hasher.add_field("millrace step 1").add_field(parts.code).add_field(parts.event_time);
  add_map(hasher, parts.inputs);
  add_map(hasher, parts.params);
  return hasher.finish();
}

}  // namespace millrace::pipelines
