#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>

#include "proc/child_state.h"

namespace millrace::proc {

OutputReader::OutputReader(Fd pipe, std::function<void(std::string_view)> sink)
    : pipe_(std::move(pipe)), stop_(::eventfd(0, EFD_CLOEXEC)), sink_(std::move(sink)), thread_([this] { run(); }) {}

void OutputReader::finish() {
  std::call_once(finished_, [this] {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_.get(), &one, sizeof one);
    thread_.join();
  });
}

void OutputReader::run() {
  ::fcntl(pipe_.get(), F_SETFL, O_NONBLOCK);
  std::array<pollfd, 2> waits{pollfd{pipe_.get(), POLLIN, 0}, pollfd{stop_.get(), POLLIN, 0}};
  bool open = true;
  while (open && waits[1].revents == 0) {
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return;
    open = deliver();
  }
}

// False at the end of the pipe.
bool OutputReader::deliver() {
  std::array<char, 16 << 10> piece;
  while (true) {
    const auto got = ::read(pipe_.get(), piece.data(), piece.size());
    if (got > 0) sink_({piece.data(), static_cast<std::size_t>(got)});
    if (got == 0) return false;
    if (got < 0 && errno != EINTR) return errno == EAGAIN;
  }
}

}  // namespace millrace::proc
