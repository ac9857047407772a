#include "serving/rehearsal.h"

namespace millrace::serving {

Result<proc::Child> Rehearsal::start(const std::filesystem::path& folder) const {
  const std::scoped_lock lock(mutex_);
  if (!spawner_) spawner_ = TRY(proc::Spawner::open());
  return spawner_->spawn({.argv = {program_, "rehearse", folder.string()}, .on_output = [](std::string_view) {}});
}

Result<void> Rehearsal::run(const std::filesystem::path& folder) const {
  proc::Child child = TRY(start(folder));
  const auto exit = child.wait_for(limit_);
  if (!exit) {
    child.terminate(Duration(0));
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit_).count();
    return fail(Code::kDeadlineExceeded, "loading it takes longer than {} seconds", seconds);
  }
  if (exit->signal != 0) return invalid_argument("a process that loaded it to try it was {}", proc::describe(*exit));
  return {};
}

}  // namespace millrace::serving
