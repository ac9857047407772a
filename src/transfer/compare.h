#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "transfer/intake.h"
#include "transfer/source.h"

namespace millrace::transfer {

// Rows, summed up whatever their order: the SHA-256 of each, added up modulo 2^64 in four lanes.
class Tally {
 public:
  void add(std::string_view row);
  std::int64_t rows() const { return rows_; }
  std::string hash() const;  // 64 hexadecimal digits
  bool operator==(const Tally&) const = default;

 private:
  std::int64_t rows_ = 0;
  std::array<std::uint64_t, 4> lanes_{};
};

// One kind of thing, as the source has it and as it is here.
struct Compared {
  std::string kind;  // "metric points"
  Tally there;
  Tally here;
};

struct Comparison {
  std::vector<Compared> kinds;      // in a fixed order
  std::vector<std::string> differ;  // the first records that are not equal, "run 92da...: its tags"
};

// Reads all of the source again, and what a Millrace made of it, and compares: counts and contents. What is here
// besides, be it a run or a tag, is left out. `experiments`: the ids here of the source's experiments. What a Millrace
// says anew is not compared: where artifacts are, but the files themselves are.
struct CompareParts {
  Source& source;
  const Intake::Parts& home;
  const std::map<std::string, std::string>& experiments;
};
Result<Comparison> compare(const CompareParts& parts);

}  // namespace millrace::transfer
