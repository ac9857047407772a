#pragma once

#include <future>
#include <thread>
#include <utility>

namespace millrace::serving {

// Has the calling thread give way to those that answer requests: it gets what they leave of the processors, and where
// the kernel takes a wish for it (Linux 6.12 and later do) it hands one over within a tenth of a millisecond.
void give_way();

// Does `work`, which takes the processor for long and starts neither threads nor processes (they would inherit it), on
// a thread that gives way; answers when it is done.
template <typename Work>
auto at_low_priority(const Work& work) {
  std::packaged_task<decltype(work())()> task([&] {
    give_way();
    return work();
  });
  auto done = task.get_future();
  std::jthread(std::move(task)).join();
  return done.get();
}

}  // namespace millrace::serving
