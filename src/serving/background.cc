#include "serving/background.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace millrace::serving {
namespace {

// Of the system call sched_setattr, in its first version; glibc 2.41 is the first to have it, and Linux' own header
// does not go with glibc's.
struct SchedulingWish {
  std::uint32_t size = sizeof(SchedulingWish);
  std::uint32_t policy = SCHED_OTHER;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;  // nanoseconds: the length of a slice, from Linux 6.12 on
  std::uint64_t deadline = 0, period = 0;
};
static_assert(sizeof(SchedulingWish) == 48);

}  // namespace

// A low weight alone is not enough: a thread that has begun its slice, of about 3 ms, may keep it though another wakes
// up (EEVDF's RUN_TO_PARITY). SCHED_IDLE would always hand over, but gets next to nothing on busy processors, where
// nobody but root can take a thread out of it again; a change of version should not take minutes there.
void give_way() {
  constexpr int kLowest = 19;
  const SchedulingWish wish{.nice = kLowest, .runtime = 100'000};
  if (syscall(SYS_sched_setattr, 0, &wish, 0U) != 0) {
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kLowest);  // of this thread
  }
}

}  // namespace millrace::serving
