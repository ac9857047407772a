#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/thread_pool.h"
#include "net/connection.h"
#include "net/output.h"
#include "net/request_reader.h"
#include "net/server.h"
#include "net/target.h"
#include "net/transfer.h"
#include "net/wire.h"

namespace millrace::net {

class Loop;
// What all connections of a server share.
struct Service {
  const ServerOptions& options;
  const Router& router;
  ThreadPool& pool;
  std::atomic<std::size_t> blocking{0};     // handlers waiting or running on the pool
  std::atomic<std::size_t> connections{0};  // open ones
  std::atomic<bool> abandon{false};         // handlers that have not begun shall not
};

// One connection: reads requests, has them answered in order, sends the answers. Lives on its loop's thread; only the
// handler of a blocking request sees it (its request, which is left alone meanwhile) from another.
class Session final : public Connection {
 public:
  Session(Wire socket, std::string remote, Service& service, Loop& loop);
  ~Session() override;

  int socket() const override { return socket_.get(); }
  std::uint32_t interest() const override;
  void on_events(std::uint32_t events) override;
  bool must_read_on() const override { return socket_.has_pending() && (interest() & EPOLLIN) != 0; }
  // Closes it, or answers 408, where something took too long.
  void on_sweep(Moment now) override;
  // Closes it where no request has begun, else after the answer.
  void drain() override;
  bool finished() const override { return !socket_ && !with_pool(); }

  // The answer of the blocking handler, or of the deferred one that did not answer at once.
  void on_answer(Response&& response);
  // Keeps the answer of the deferred handler that this session is calling, on this thread; false where it calls none.
  bool answers_at_once(Response& response);

 private:
  enum class State {
    kReading,
    kAsking,       // the guard is asked about its header, on the pool
    kBusy,         // its request is with a handler on the pool, or with a deferred one
    kUploading,    // its body is being received, piece by piece
    kDownloading,  // its answer's body is being sent, piece by piece
    kLingering,    // all is sent; what still comes is read and dropped, so that the client sees the answer
  };

  enum class Served { kAll, kUntilFull };

  // The pool has written or read a piece of a streamed body.
  void on_pool_done();
  void receive();
  void discard();
  void advance();
  Served serve_input();
  void on_header();
  void ask_guard();
  void on_verdict();
  void accept_request();
  void turn_away(Response&& response);
  void on_request();
  void on_fault();
  void on_end_of_input();
  bool with_pool() const;
  bool overloaded() const;
  bool refuse_if_overloaded();
  void run_blocking();
  void run_deferred();
  void answer(Response&& response);
  Response answer_without_route();
  void refuse(const Fault& fault);
  void flush();
  void finish_sending();
  void close();
  void note_progress();
  void on_timeout();
  bool input_is_drained();

  // Streamed bodies (session_transfer.cc).
  void begin_upload();
  void pump_upload();
  void give_piece();
  void work_on_pool();
  void end_upload(Fault fault);
  void refuse_upload();
  void drop_upload();
  bool receives_upload() const;
  void on_upload_step();
  void answer_upload();
  void begin_download(std::shared_ptr<BodySource> source);
  void pump_download();
  void read_ahead();
  void end_download();

  Wire socket_;
  const std::string remote_;
  Service& service_;
  Loop& loop_;
  RequestReader reader_;
  Target target_;
  const Route* route_ = nullptr;
  std::optional<Response> refusal_;  // the guard's, sent once the body, if it is small, has been read
  std::optional<Response> at_once_;  // of the deferred handler that is being called
  Output output_;
  State state_ = State::kReading;
  bool peer_closed_ = false;   // no more input will come
  bool input_paused_ = false;  // input came while busy; it stays in the kernel
  bool last_answer_ = false;   // close once the output is sent
  bool draining_ = false;
  bool rest_unread_ = false;            // the answer came before the end of the body
  std::unique_ptr<Upload> upload_;      // while kUploading
  std::unique_ptr<Download> download_;  // while kDownloading
  Moment read_since_;                   // when the present wait (for a request, its header, its body) began
  bool read_begun_ = false;             // a byte of the present request has come
  bool body_begun_ = false;
  Moment write_since_;  // when the client last took a byte
};

}  // namespace millrace::net
