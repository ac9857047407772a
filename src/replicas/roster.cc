#include "replicas/roster.h"

namespace millrace::replicas {

Result<void> Roster::note(Report report, Timestamp now) {
  const std::scoped_lock lock(mutex_);
  if (entries_.size() >= kMost || now - forgot_at_ > kForgottenAfter) forget(now);
  auto found = entries_.find(report.name);
  if (found == entries_.end() && entries_.size() >= kMost)
    return fail(Code::kResourceExhausted, "there are {} replicas already", entries_.size());
  const bool gap = found == entries_.end() || now - found->second.seen > kForgottenAfter;
  const Timestamp since = gap ? now : found->second.since;
  entries_.insert_or_assign(report.name, Entry{report, since, now});
  return {};
}

void Roster::remove(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  entries_.erase(name);
}

std::vector<Roster::Entry> Roster::list(Timestamp now) const {
  const std::scoped_lock lock(mutex_);
  std::vector<Entry> entries;
  for (const auto& [name, entry] : entries_)
    if (now - entry.seen <= kForgottenAfter) entries.push_back(entry);
  return entries;
}

void Roster::forget(Timestamp now) {
  std::erase_if(entries_, [&](const auto& known) { return now - known.second.seen > kForgottenAfter; });
  forgot_at_ = now;
}

}  // namespace millrace::replicas
