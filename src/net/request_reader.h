#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "net/request.h"

namespace millrace::net {

// Why a request cannot be served and its connection must close.
struct Fault {
  int status = 400;
  std::string_view code = "INVALID_ARGUMENT";
  std::string message;
};

// A part of a streamed body.
struct Piece {
  std::unique_ptr<char[]> bytes;  // kPieceSize of them, or none
  std::size_t size = 0;
  bool last = false;

  std::string_view view() const { return {bytes.get(), size}; }
};

// Makes requests of the bytes of one connection. Owns the input buffer: headers, and bodies that fit, are views into
// it; larger and chunked bodies are gathered in a string. Parsing is Beast's.
//
//   receive into space(), then received(n); then next() until it needs more:
//   kHeader: look at request(), then accept_body(limit) or stream_body();  kPiece: take_piece();
//   kRequest: answer request(), then finish()
class RequestReader {
 public:
  enum class Step { kNeedMore, kHeader, kPiece, kRequest, kFault };

  explicit RequestReader(std::size_t header_limit);
  ~RequestReader();

  // Never empty after next() returned kNeedMore.
  std::span<char> space();
  void received(std::size_t bytes);

  Step next();
  void accept_body(std::size_t limit);
  // The body is given out piece by piece: a piece is full or the last. The header stays until finish().
  void stream_body();
  // `spare` is a piece taken before, whose memory is used again.
  Piece take_piece(Piece spare);
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
  bool in_body() const { return phase_ == Phase::kBody || phase_ == Phase::kStream; }
  // Of the body so far; grows with each piece that arrives.
  std::size_t body_received() const;

 private:
  class Parser;
  enum class Phase { kHeader, kAwaitLimit, kBody, kStream, kRequest, kFault };

  Step next_header();
  Step next_body();
  Step plain_body(std::size_t length);
  Step chunked_body();
  Step next_piece();
  void fill_piece();
  Result<void> fill_piece_of_chunks();
  bool receives_into_piece() const { return phase_ == Phase::kStream && stream_left_ > 0 && parsed_ == end_; }
  void take_chunk(std::string_view body);
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
  Piece piece_;                    // of a streamed body, being filled
  std::uint64_t stream_left_ = 0;  // of a streamed body that is not chunked, not yet in a piece
  std::size_t streamed_ = 0;       // bytes that went into pieces
  int version_ = 11;
  bool expects_continue_ = false;
  Request request_;
  Fault fault_;
};

}  // namespace millrace::net
