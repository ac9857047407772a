#include "net/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace millrace::net {

Result<std::shared_ptr<Mailbox>> Mailbox::open() {
  Fd wakeup(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wakeup) return unavailable("cannot make an eventfd: {}", std::strerror(errno));
  return std::shared_ptr<Mailbox>(new Mailbox(std::move(wakeup)));
}

template <typename Put>
void Mailbox::put(Put put) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    put(mail_);
  }
  const std::uint64_t one = 1;
  while (::write(wakeup_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Mailbox::adopt(Arrival arrival) {
  put([&](Mail& mail) { mail.arrivals.push_back(std::move(arrival)); });
}

void Mailbox::post(Connection& connection, Work work) {
  put([&](Mail& mail) { mail.work.emplace_back(&connection, std::move(work)); });
}

void Mailbox::stop(Moment deadline) {
  put([&](Mail& mail) { mail.stop_at = deadline; });
}

Mailbox::Mail Mailbox::take() {
  std::uint64_t count = 0;
  while (::read(wakeup_.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
  const std::lock_guard lock(mutex_);
  return std::exchange(mail_, {});
}

void Mailbox::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  mail_ = {};
}

}  // namespace millrace::net
