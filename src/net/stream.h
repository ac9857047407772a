#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "net/response.h"

namespace millrace::net {

struct Request;

// Bodies of any size, in pieces of at most kPieceSize bytes where they come and kSentPieceSize where they go, which may
// be to thousands at once: a connection holds two pieces, however large the body is. All calls are made on the server's
// pool, never two at once for one body, and no thread waits for a slow client.
inline constexpr std::size_t kPieceSize = 1 << 20;
inline constexpr std::size_t kSentPieceSize = 256 << 10;

// The body of a response, made while it is sent. Where read() fails, the connection is closed before the body's end.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual std::uint64_t size() const = 0;
  // The next bytes; fewer than asked for only at the end.
  virtual Result<std::size_t> read(std::span<char> into) = 0;
};

// Takes the body of a request while it comes. Destroyed without finish() where the body did not come whole: the client
// went away, was too slow, or an answer was given before; nothing should be left behind.
class BodySink {
 public:
  virtual ~BodySink() = default;
  // An answer ends the upload: what still comes is dropped and the connection closed.
  virtual std::expected<void, Response> write(std::string_view piece) = 0;
  // After the last piece.
  virtual Response finish() = 0;
};

// Called once the header of a request has come. The request's views are valid only during the call; its body is empty.
// An answer instead of a sink refuses the body.
using UploadHandler = std::function<std::expected<std::unique_ptr<BodySink>, Response>(const Request&)>;

}  // namespace millrace::net
