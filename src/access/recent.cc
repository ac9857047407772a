#include "access/recent.h"

namespace millrace::access {

PrincipalPtr Recent::find(const std::string& shown, std::uint64_t generation, Timestamp now) const {
  const auto entries = entries_.read();
  const auto found = entries->find(shown);
  if (found == entries->end()) return nullptr;
  const auto& entry = found->second;
  return entry.generation == generation && now < entry.until ? entry.who : nullptr;
}

void Recent::add(const std::string& shown, PrincipalPtr who, std::uint64_t generation, Timestamp until, Timestamp now) {
  const std::lock_guard lock(adding_);
  auto next = std::make_unique<Entries>(*entries_.read());
  std::erase_if(*next,
                [&](const auto& item) { return item.second.until <= now || item.second.generation < generation; });
  if (next->size() >= kMost) next->clear();
  (*next)[shown] = {std::move(who), generation, until};
  entries_.publish(std::move(next));
}

}  // namespace millrace::access
