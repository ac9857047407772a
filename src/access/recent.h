#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "access/entities.h"
#include "base/published.h"
#include "base/time.h"

namespace millrace::access {

// Who proved a short while ago, at some cost, who they are; kept by a keyed hash of what they showed. Forgotten when
// anything about users changes. Reading takes no lock.
class Recent {
 public:
  // Null where it is not known, or too long ago. `generation` is the directory's.
  PrincipalPtr find(const std::string& shown, std::uint64_t generation, Timestamp now) const;
  void add(const std::string& shown, PrincipalPtr who, std::uint64_t generation, Timestamp until, Timestamp now);

 private:
  struct Entry {
    PrincipalPtr who;
    std::uint64_t generation = 0;
    Timestamp until;
  };
  using Entries = std::map<std::string, Entry>;
  static constexpr std::size_t kMost = 1000;

  std::mutex adding_;
  Published<Entries> entries_{std::make_unique<const Entries>()};
};

}  // namespace millrace::access
