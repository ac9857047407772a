#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/request.h"

namespace millrace::net {

// Why a request cannot be served and its connection must close.
struct Fault {
  int status = 400;
  std::string_view code = "INVALID_ARGUMENT";
  std::string message;
};

// Makes requests of the bytes of one connection. Owns the input buffer: headers, and bodies that fit, are views into
// it; larger and chunked bodies are gathered in a string. Parsing is Beast's.
//
//   receive into space(), then received(n); then next() until it needs more:
//   kHeader: look at request(), then accept_body(limit);  kRequest: answer request(), then finish()
class RequestReader {
 public:
  enum class Step { kNeedMore, kHeader, kRequest, kFault };

  explicit RequestReader(std::size_t header_limit);
  ~RequestReader();

  // Never empty after next() returned kNeedMore.
  std::span<char> space();
  void received(std::size_t bytes) { end_ += bytes; }

  Step next();
  void accept_body(std::size_t limit);
  // Forgets the request; bytes that followed it are kept and belong to the next one.
  void finish();

  const Fault& fault() const { return fault_; }

  // Method, target as `path`, and headers after kHeader; the body too after kRequest.
  Request& request() { return request_; }
  bool keep_alive() const;
  bool is_http_1_0() const { return version_ == 10; }
  bool expects_continue() const { return expects_continue_; }

  // No byte of a request has come that is not answered.
  bool between_requests() const { return phase_ == Phase::kHeader && begin_ == end_; }
  bool in_body() const { return phase_ == Phase::kBody; }
  // Of the body so far; grows with each piece that arrives.
  std::size_t body_received() const;

 private:
  class Parser;
  enum class Phase { kHeader, kAwaitLimit, kBody, kRequest, kFault };

  Step next_header();
  Step next_body();
  Step plain_body(std::size_t length);
  Step chunked_body();
  Step whole_request(std::string_view body);
  Step fail(int status, std::string_view code, std::string message);
  std::optional<Step> check_header();
  bool start_is_malformed();
  void make_room_for_chunks();

  const std::size_t header_limit_;
  const std::size_t capacity_;
  std::unique_ptr<char[]> buffer_;
  std::size_t begin_ = 0;       // of the present request
  std::size_t parsed_ = 0;      // what the parser has taken
  std::size_t end_ = 0;         // what has been received
  std::size_t header_end_ = 0;  // of the present request
  Phase phase_ = Phase::kHeader;
  std::unique_ptr<Parser> parser_;
  std::vector<Field> fields_;
  std::string body_;
  std::size_t body_limit_ = 0;
  int version_ = 11;
  bool expects_continue_ = false;
  Request request_;
  Fault fault_;
};

}  // namespace millrace::net
