#include "jobs/job.h"

#include <algorithm>
#include <array>
#include <span>

namespace millrace::jobs {
namespace {

constexpr std::array<std::string_view, 6> kStatuses = {"queued", "running",   "succeeded",
                                                       "failed", "cancelled", "timed_out"};
constexpr std::array<std::string_view, 6> kOutcomes = {"running",   "succeeded", "failed",
                                                       "timed_out", "cancelled", "interrupted"};

template <typename Enum>
bool find_name(std::span<const std::string_view> names, std::string_view text, Enum& out) {
  const auto found = std::ranges::find(names, text);
  if (found == names.end()) return false;
  out = static_cast<Enum>(found - names.begin());
  return true;
}

}  // namespace

std::string_view to_text(Status status) { return kStatuses.at(static_cast<std::size_t>(status)); }
bool from_text(std::string_view text, Status& status) { return find_name(kStatuses, text, status); }

std::string_view to_text(Outcome outcome) { return kOutcomes.at(static_cast<std::size_t>(outcome)); }
bool from_text(std::string_view text, Outcome& outcome) { return find_name(kOutcomes, text, outcome); }

Command shell_command(std::string text) { return {.argv = {"/bin/sh", "-c", std::move(text)}}; }

}  // namespace millrace::jobs
