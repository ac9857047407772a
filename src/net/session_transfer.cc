// The part of a session that streams bodies.

#include <sys/socket.h>

#include <utility>

#include "net/loop.h"
#include "net/session.h"

namespace millrace::net {

void Session::begin_upload() {
  reader_.stream_body();
  upload_ = std::make_unique<Upload>(*route_);
  state_ = State::kUploading;
  pump_upload();
}

// Gives the pool the next piece where it is idle and there is one. The sink is opened before the first piece is full,
// so that an upload may be refused early.
void Session::pump_upload() {
  const auto step = reader_.next();
  if (step == RequestReader::Step::kFault) return end_upload(reader_.fault());
  const bool piece_is_ready = step == RequestReader::Step::kPiece;
  if (!piece_is_ready && peer_closed_) {
    return end_upload({400, "INVALID_ARGUMENT", "the request ended before it was complete"});
  }
  note_progress();
  if (upload_->with_pool) {
    if (piece_is_ready && upload_->paused_at == Moment{}) upload_->paused_at = loop_.now();
    return;
  }
  if (piece_is_ready) return give_piece();
  if (!upload_->opened()) work_on_pool();
}

void Session::give_piece() {
  upload_->piece = reader_.take_piece(std::move(upload_->piece));
  if (upload_->paused_at != Moment{}) read_since_ += loop_.now() - std::exchange(upload_->paused_at, {});
  work_on_pool();
}

void Session::work_on_pool() {
  upload_->with_pool = true;
  service_.blocking.fetch_add(1, std::memory_order_relaxed);
  service_.pool.post([this] {
    if (!service_.abandon.load(std::memory_order_relaxed)) upload_->work(reader_.request(), service_.options.guard);
    service_.blocking.fetch_sub(1, std::memory_order_relaxed);
    loop_.mailbox()->post(*this, [this] { on_pool_done(); });
  });
}

// The client sends what it has before it looks at an answer, so what is still to come is read and dropped for a while.
void Session::end_upload(Fault fault) {
  upload_->fault = std::move(fault);
  if (!upload_->with_pool) refuse_upload();
}

void Session::refuse_upload() {
  const auto fault = std::move(*upload_->fault);
  drop_upload();
  refuse(fault);
}

// A sink may have much to remove, so it is destroyed on the pool while there is one.
void Session::drop_upload() {
  state_ = State::kReading;
  std::shared_ptr<BodySink> sink = std::exchange(upload_, nullptr)->abandon();
  if (sink && !service_.abandon.load(std::memory_order_relaxed)) {
    service_.pool.post([sink = std::move(sink)]() mutable { sink.reset(); });
  }
}

bool Session::receives_upload() const {
  return state_ == State::kUploading && !upload_->fault && upload_->paused_at == Moment{} &&
         !(upload_->with_pool && upload_->piece.last);
}

void Session::on_pool_done() {
  if (state_ == State::kAsking) {
    on_verdict();
  } else if (state_ == State::kUploading) {
    on_upload_step();
  } else {
    download_->with_pool = false;
    if (download_->failed) close();
    if (!socket_) return end_download();
    pump_download();
  }
  if (socket_) advance();
}

void Session::on_upload_step() {
  upload_->with_pool = false;
  if (!socket_) return drop_upload();
  if (upload_->fault) return refuse_upload();
  if (upload_->response) return answer_upload();
  if (reader_.expects_continue() && reader_.body_received() == 0) output_.add_raw("HTTP/1.1 100 Continue\r\n\r\n");
  pump_upload();
}

void Session::answer_upload() {
  auto response = std::move(*upload_->response);
  if (service_.options.observe) {
    service_.options.observe(reader_.request(), response,
                             std::chrono::duration_cast<Duration>(upload_->time_of_handlers()));
  }
  rest_unread_ = !upload_->piece.last;
  drop_upload();
  answer(std::move(response));
}

void Session::begin_download(std::shared_ptr<BodySource> source) {
  download_ = std::make_unique<Download>(std::move(source));
  state_ = State::kDownloading;
  pump_download();
}

void Session::pump_download() {
  while (socket_ && download_) {
    if (output_.empty() && download_->has_piece()) {
      output_.add_piece(std::exchange(download_->piece, {}));
      write_since_ = loop_.now();
    }
    read_ahead();
    const auto before = output_.sent();
    flush();
    if (!socket_ || output_.sent() == before) break;
  }
  if (socket_ && download_->done() && output_.empty()) end_download();
}

void Session::read_ahead() {
  if (!download_->wants_piece()) return;
  download_->with_pool = true;
  service_.pool.post([this] {
    if (!service_.abandon.load(std::memory_order_relaxed)) download_->work();
    loop_.mailbox()->post(*this, [this] { on_pool_done(); });
  });
}

void Session::end_download() {
  download_.reset();
  state_ = State::kReading;
  read_since_ = loop_.now();
  if (socket_) flush();
}

}  // namespace millrace::net
