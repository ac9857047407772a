#include "transfer/sync.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace millrace::transfer {

namespace {

// What the looks have come to: what is seen is that of the last, what was sent adds up.
void add(Carried& all, Carried look) {
  for (const auto& [kind, count] : all.sent) look.sent[kind] += count;
  look.points += all.points;
  look.files += all.files;
  look.bytes += all.bytes;
  std::set<std::string> elsewhere(all.elsewhere.begin(), all.elsewhere.end());
  elsewhere.insert(look.elsewhere.begin(), look.elsewhere.end());
  look.elsewhere.assign(elsewhere.begin(), elsewhere.end());
  all = std::move(look);
}

bool may_pass(const Error& error) { return error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded; }

}  // namespace

Duration wait_before(int failures, const SyncOptions& options) {
  constexpr int kMostDoublings = 20;
  const auto factor = std::int64_t{1} << std::clamp(failures - 1, 0, kMostDoublings);
  return std::min(options.first_wait * factor, options.longest_wait);
}

Result<Carried> sync(Source& source, Target& target, const SyncOptions& options) {
  Carried all;
  Carrier carrier(source, target, Scope::kRecorded);
  carrier.on_sent = [&](Kind kind, const std::string& name) {
    options.tell(fmt::format("{} {} is in {}", to_text(kind), name, target.place()));
  };
  carrier.interrupted = [&] { return !options.wait(Duration::zero()); };
  for (int failures = 0;;) {
    auto look = carrier.run();
    if (!look && !may_pass(look.error())) return std::unexpected(look.error());
    Duration wait = options.look_every;
    if (look) {
      failures = 0;
      add(all, std::move(*look));
      if (options.until == Until::kCarried || all.running == 0) return all;
    } else {
      wait = wait_before(++failures, options);
      options.tell(fmt::format("{}; trying again in {}", look.error().message, format_duration(wait)));
    }
    if (!options.wait(wait)) return fail(Code::kCancelled, "interrupted; run it again to go on");
  }
}

}  // namespace millrace::transfer
