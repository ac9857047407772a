#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "net/response.h"
#include "net/wire.h"

namespace millrace::net {

// What a connection has yet to send. Small responses are gathered; the body of a large one is kept as it is and goes
// out behind its header in the same send.
class Output {
 public:
  enum class Flush { kDone, kBlocked, kLost };

  struct Manner {
    bool keep_alive = true;
    bool http_1_0 = false;
    bool without_body = false;  // an answer to HEAD
  };

  // Of a response that has a source only the head; its body follows by add_piece().
  void add(Response&& response, Manner manner);
  // When empty().
  void add_piece(std::string&& piece) { tail_ = std::move(piece); }
  void add_raw(std::string_view bytes) { head_ += bytes; }

  // Enough is waiting that further answers should wait until the client takes some.
  bool full() const { return !tail_.empty() || head_.size() - head_sent_ > kFull; }
  bool empty() const { return head_.empty() && tail_.empty(); }
  Flush flush(Wire& wire);
  // Rises as the client takes bytes.
  std::size_t sent() const { return sent_; }

 private:
  static constexpr std::size_t kFull = 64 << 10;

  void advance(std::size_t bytes);

  std::string head_;
  std::size_t head_sent_ = 0;
  std::string tail_;
  std::size_t tail_sent_ = 0;
  std::size_t sent_ = 0;
};

}  // namespace millrace::net
