#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "net/client.h"

namespace millrace::net {

// Makes responses of the bytes of one connection. Interim responses (1xx) are passed over. Parsing is Beast's.
class ResponseReader {
 public:
  enum class Progress { kNeedMore, kComplete };

  ResponseReader();
  ~ResponseReader();

  // Before each response; one to HEAD has no body whatever its header says.
  void start(bool to_head);
  // The same, for a pipelined response whose first bytes may have come with the one before.
  void start_next(bool to_head);
  std::span<char> space() { return {buffer_.get() + end_, kCapacity - end_}; }
  void received(std::size_t bytes) { end_ += bytes; }
  // kDataLoss where what came is not HTTP.
  Result<Progress> next();
  // The connection ended; kComplete where that is what ends the body.
  Result<Progress> next_at_end();

  ClientResponse& response() { return response_; }
  // What came after the response.
  std::string_view rest() const { return {buffer_.get() + parsed_, end_ - parsed_}; }
  bool keep_alive() const;
  // The peer will answer more on this connection, whatever has come already.
  bool goes_on() const;
  // A byte of the response, or of something after the last one, has come.
  bool touched() const { return end_ > 0 || started_; }

 private:
  class Parser;
  static constexpr std::size_t kCapacity = 64 << 10;

  void begin_message();
  bool is_interim() const { return response_.status >= 100 && response_.status < 200; }
  void drop_parsed();

  std::unique_ptr<char[]> buffer_;
  std::size_t parsed_ = 0;
  std::size_t end_ = 0;
  bool started_ = false;
  bool to_head_ = false;
  std::unique_ptr<Parser> parser_;
  ClientResponse response_;
};

}  // namespace millrace::net
