#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <future>
#include <thread>
#include <utility>

namespace millrace::serving {

// Does `work`, which takes the processor for long and starts neither threads nor processes (they would inherit it), on
// a thread that gives way to those that answer requests; answers when it is done.
template <typename Work>
auto at_low_priority(const Work& work) {
  constexpr int kLowest = 19;
  std::packaged_task<decltype(work())()> task([&] {
    setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kLowest);  // of this thread
    return work();
  });
  auto done = task.get_future();
  std::jthread(std::move(task)).join();
  return done.get();
}

}  // namespace millrace::serving
