#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "net/guard.h"
#include "net/request_reader.h"
#include "net/router.h"
#include "net/stream.h"

namespace millrace::net {

// A request's body on its way to its sink: while the pool writes one piece, the loop receives the next. What is with
// the pool is left alone by the loop until `with_pool` is false again.
class Upload {
 public:
  explicit Upload(const Route& route) : route_(route) {}

  bool with_pool = false;
  Piece piece;                                        // for the pool to write; may be empty before the sink is opened
  std::optional<Response> response;                   // the answer; before the body's end where the sink wants no more
  std::optional<Fault> fault;                         // why the rest of the body will not come
  std::chrono::steady_clock::time_point paused_at{};  // since when a full piece waits for the pool

  // On the pool: opens the sink where it is not, writes the piece, finishes after the last one. `guard`, which may be
  // null, is told of the answer.
  void work(const Request& request, Guard* guard);
  // The sink of an upload that ends here, to be destroyed where that may take long; null where there is none.
  std::unique_ptr<BodySink> abandon() { return std::move(sink_); }
  bool opened() const { return opened_; }
  std::chrono::steady_clock::duration time_of_handlers() const { return time_; }

 private:
  std::optional<Response> step(const Request& request);

  const Route& route_;
  bool opened_ = false;
  std::unique_ptr<BodySink> sink_;
  std::chrono::steady_clock::duration time_{};
};

// A response's body on its way from its source: while the client takes one piece, the pool reads the next. Left alone
// by the loop, but for `with_pool`, while the pool reads.
struct Download {
  explicit Download(std::shared_ptr<BodySource> from) : source(std::move(from)), left(source->size()) {}

  std::shared_ptr<BodySource> source;
  std::uint64_t left;  // bytes that have not been read
  std::string piece;   // read, and not yet with the output
  bool with_pool = false;
  bool failed = false;

  // On the pool: the next piece.
  void work();
  bool has_piece() const { return !with_pool && !piece.empty(); }
  bool wants_piece() const { return !with_pool && !failed && left > 0 && piece.empty(); }
  bool done() const { return !with_pool && left == 0 && piece.empty(); }
};

}  // namespace millrace::net
