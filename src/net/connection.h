#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace millrace::net {

using Moment = std::chrono::steady_clock::time_point;

// A connection as its loop sees it, whatever is spoken on it. All calls are made on the loop's thread.
class Connection {
 public:
  Connection() = default;
  virtual ~Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // -1 once it is closed.
  virtual int socket() const = 0;
  // What to wait for: EPOLLIN, EPOLLOUT, both or neither.
  virtual std::uint32_t interest() const = 0;
  virtual void on_events(std::uint32_t events) = 0;
  // There is input that no event will tell of, and it is wanted.
  virtual bool must_read_on() const = 0;
  // Now and then: ends what took too long.
  virtual void on_sweep(Moment now) = 0;
  // The server stops: ends it, after what has begun.
  virtual void drain() = 0;
  // It can be destroyed: it is closed, and nothing of it is with the pool.
  virtual bool finished() const = 0;

  std::uint32_t registered = 0;  // what the loop waits for at present
  std::size_t index = 0;         // where the loop keeps it
};

}  // namespace millrace::net
