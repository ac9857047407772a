#include "net/session.h"

#include <array>
#include <cerrno>
#include <exception>

#include "base/actor.h"
#include "base/log.h"
#include "net/loop.h"

namespace millrace::net {
namespace {

using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

constexpr auto kLingerTime = seconds(2);
constexpr std::size_t kBodyBytesPerSecond = 16 << 10;
constexpr std::size_t kRefusedBody = 64 << 10;

Response internal_error_response() {
  return error_response(500, "INTERNAL", "internal error; the server's log says more");
}

Response run_handler(const Route& route, const Request& request) {
  const ActingFor acting(request.user);
  try {
    return route.handler(request);
  } catch (const std::exception& e) {
    log::error("a handler threw", {{"route", route.pattern}, {"what", e.what()}});
  } catch (...) {
    log::error("a handler threw", {{"route", route.pattern}});
  }
  return internal_error_response();
}

// The session that calls a deferred handler on this thread.
thread_local const Session* t_deferring = nullptr;

// A handler that throws destroys the reply, which answers.
void begin_deferred(const Route& route, const Request& request, Reply reply) {
  const ActingFor acting(request.user);
  try {
    route.deferred(request, std::move(reply));
  } catch (const std::exception& e) {
    log::error("a handler threw", {{"route", route.pattern}, {"what", e.what()}});
  } catch (...) {
    log::error("a handler threw", {{"route", route.pattern}});
  }
}

Response busy_response() {
  auto busy = error_response(503, "UNAVAILABLE", "the server has too many requests waiting; try again in a second");
  busy.headers.emplace_back("Retry-After", "1");
  return busy;
}

std::optional<Response> run_verify(Guard& guard, Request& request, const Route* route) {
  try {
    return guard.verify(request, route);
  } catch (const std::exception& e) {
    log::error("the guard threw", {{"path", std::string(request.path)}, {"what", e.what()}});
  }
  return internal_error_response();
}

Response run_observed(const Service& service, const Route& route, const Request& request) {
  if (!service.options.observe) return run_handler(route, request);
  const auto begun = Steady::now();
  auto response = run_handler(route, request);
  service.options.observe(request, response, std::chrono::duration_cast<Duration>(Steady::now() - begun));
  return response;
}

}  // namespace

Session::Session(Wire socket, std::string remote, Service& service, Loop& loop)
    : socket_(std::move(socket)),
      remote_(std::move(remote)),
      service_(service),
      loop_(loop),
      reader_(service.options.header_limit),
      read_since_(loop.now()),
      write_since_(loop.now()) {}

Session::~Session() { close(); }

Reply::~Reply() {
  if (mailbox_) (*this)(internal_error_response());
}

void Reply::operator()(Response response) {
  const auto mailbox = std::move(mailbox_);
  if (t_deferring == session_ && session_->answers_at_once(response)) return;
  mailbox->post(*session_, [session = session_, response = std::move(response)]() mutable {
    session->on_answer(std::move(response));
  });
}

bool Session::with_pool() const {
  return state_ == State::kBusy || state_ == State::kAsking || (upload_ && upload_->with_pool) ||
         (download_ && download_->with_pool);
}

std::uint32_t Session::interest() const {
  std::uint32_t events = 0;
  const bool wants_requests = state_ == State::kReading && !last_answer_ && !peer_closed_ && !output_.full();
  const bool watches = (state_ == State::kBusy || state_ == State::kAsking) && !input_paused_ && !peer_closed_;
  if (wants_requests || watches || receives_upload() || state_ == State::kLingering) events |= EPOLLIN;
  if (!output_.empty() || socket_.wants_write()) events |= EPOLLOUT;
  return events;
}

void Session::on_events(std::uint32_t events) {
  if (state_ == State::kBusy || state_ == State::kAsking) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) return close();
    if ((events & EPOLLIN) != 0) input_paused_ = true;
    return flush();
  }
  if (state_ == State::kLingering) return discard();
  const bool transfers = state_ == State::kUploading || state_ == State::kDownloading;
  if (transfers && (events & (EPOLLERR | EPOLLHUP)) != 0) return close();
  if (state_ == State::kDownloading) {
    pump_download();
    return state_ == State::kReading ? advance() : void();
  }
  if ((events & EPOLLOUT) != 0) flush();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 || socket_.wants_write()) receive();
  advance();
}

void Session::receive() {
  if (!socket_ || peer_closed_ || last_answer_) return;
  if (!receives_upload() && (state_ != State::kReading || output_.full())) return;
  const auto space = reader_.space();
  if (space.empty()) return;
  const auto got = socket_.receive(space);
  if (got > 0) return reader_.received(static_cast<std::size_t>(got));
  if (got == 0) {
    peer_closed_ = true;
  } else if (errno != EAGAIN && errno != EINTR) {
    close();
  }
}

// Answers what has arrived and sends; goes on where the client took so much that there is room for further answers. Of
// a download only pump_download() sends: it alone puts the next piece in the place of one that went.
void Session::advance() {
  if (receives_upload()) pump_upload();
  Served served = Served::kAll;
  do {
    served = serve_input();
    if (socket_ && state_ != State::kDownloading) flush();
  } while (served == Served::kUntilFull && socket_ && !output_.full());
  const bool nothing_begun = state_ == State::kReading && reader_.between_requests() && output_.empty();
  if (draining_ && nothing_begun) close();
}

Session::Served Session::serve_input() {
  while (socket_ && state_ == State::kReading && !last_answer_) {
    if (output_.full()) return Served::kUntilFull;
    const auto step = reader_.next();
    if (step == RequestReader::Step::kHeader) on_header();
    if (step == RequestReader::Step::kRequest) on_request();
    if (step == RequestReader::Step::kFault) on_fault();
    if (step == RequestReader::Step::kNeedMore) {
      note_progress();
      if (peer_closed_) on_end_of_input();
      break;
    }
  }
  return Served::kAll;
}

void Session::on_header() {
  auto& request = reader_.request();
  if (auto parsed = target_.parse(request.path); !parsed) {
    return refuse({400, "INVALID_ARGUMENT", parsed.error().message});
  }
  request.path = target_.path();
  request.query_string = target_.query();
  request.remote = remote_;
  route_ = service_.router.find(request.method, target_.segments(), request.params);
  if (route_ != nullptr) request.route = route_->pattern;
  service_.options.guard != nullptr ? ask_guard() : accept_request();
}

void Session::ask_guard() {
  auto& request = reader_.request();
  request.user = {};
  request.principal.reset();
  Response refusal;
  const auto verdict = service_.options.guard->check(request, route_, refusal);
  if (verdict == Guard::Verdict::kRefuse) refusal_ = std::move(refusal);
  if (verdict != Guard::Verdict::kAskPool) return accept_request();
  if (overloaded()) {
    refusal_ = busy_response();
    return accept_request();
  }
  service_.blocking.fetch_add(1, std::memory_order_relaxed);
  state_ = State::kAsking;
  service_.pool.post([this] {
    refusal_ = run_verify(*service_.options.guard, reader_.request(), route_);
    service_.blocking.fetch_sub(1, std::memory_order_relaxed);
    loop_.mailbox()->post(*this, [this] { on_pool_done(); });
  });
}

void Session::on_verdict() {
  state_ = State::kReading;
  input_paused_ = false;
  if (socket_) accept_request();
}

// The body of what is refused is only read where it is small, so that the connection may go on.
void Session::accept_request() {
  if (refusal_) {
    reader_.accept_body(kRefusedBody);
    if (reader_.expects_continue()) turn_away(std::move(*refusal_));
    return;
  }
  if (route_ != nullptr && route_->upload) {
    if (!refuse_if_overloaded()) begin_upload();
    return;
  }
  const bool own_limit = route_ != nullptr && route_->body_limit > 0;
  reader_.accept_body(own_limit ? route_->body_limit : service_.options.body_limit);
  if (reader_.expects_continue() && reader_.next() == RequestReader::Step::kNeedMore) {
    output_.add_raw("HTTP/1.1 100 Continue\r\n\r\n");
  }
}

void Session::on_request() {
  if (refusal_) return answer(std::move(*refusal_));
  if (route_ == nullptr) return answer(answer_without_route());
  if (route_->lane == Lane::kInline) return answer(run_handler(*route_, reader_.request()));
  if (route_->lane == Lane::kDeferred) return run_deferred();
  run_blocking();
}

// The answer comes within the call, or by mail.
void Session::run_deferred() {
  state_ = State::kBusy;
  t_deferring = this;
  begin_deferred(*route_, reader_.request(), Reply(loop_.mailbox(), *this));
  t_deferring = nullptr;
  if (!at_once_) return;
  state_ = State::kReading;
  answer(*std::exchange(at_once_, std::nullopt));
}

bool Session::answers_at_once(Response& response) {
  if (t_deferring != this || at_once_) return false;
  at_once_ = std::move(response);
  return true;
}

bool Session::overloaded() const {
  return service_.blocking.load(std::memory_order_relaxed) >= service_.options.blocking_limit;
}

// What is pooled goes on; what is new is turned away.
bool Session::refuse_if_overloaded() {
  if (!overloaded()) return false;
  rest_unread_ = route_->upload != nullptr;
  answer(busy_response());
  return true;
}

void Session::run_blocking() {
  if (refuse_if_overloaded()) return;
  service_.blocking.fetch_add(1, std::memory_order_relaxed);
  state_ = State::kBusy;
  service_.pool.post([this] {
    Response response;
    if (!service_.abandon.load(std::memory_order_relaxed)) {
      response = run_observed(service_, *route_, reader_.request());
      if (auto* guard = service_.options.guard) guard->answered(reader_.request(), *route_, response);
    }
    service_.blocking.fetch_sub(1, std::memory_order_relaxed);
    loop_.mailbox()->post(*this, [this, response = std::move(response)]() mutable { on_answer(std::move(response)); });
  });
}

void Session::on_answer(Response&& response) {
  state_ = State::kReading;
  input_paused_ = false;
  if (!socket_) return;
  answer(std::move(response));
  advance();
}

Response Session::answer_without_route() {
  const auto& request = reader_.request();
  auto allowed = service_.router.allowed(target_.segments());
  if (allowed.empty()) {
    return error_response(404, "NOT_FOUND", fmt::format("there is nothing at {}", request.path));
  }
  Response response{.status = 204};
  if (request.method != "OPTIONS") {
    response =
        error_response(405, "UNIMPLEMENTED",
                       fmt::format("{} does not answer {}; it answers {}", request.path, request.method, allowed));
  }
  response.headers.emplace_back("Allow", std::move(allowed));
  return response;
}

void Session::answer(Response&& response) {
  const bool keep = reader_.keep_alive() && !draining_ && !rest_unread_;
  const bool to_head = reader_.request().method == "HEAD";
  auto source = to_head ? nullptr : response.source;
  if (output_.empty()) write_since_ = loop_.now();
  output_.add(std::move(response), {.keep_alive = keep, .http_1_0 = reader_.is_http_1_0(), .without_body = to_head});
  last_answer_ = !keep;
  reader_.finish();
  route_ = nullptr;
  refusal_.reset();
  read_begun_ = body_begun_ = false;
  read_since_ = loop_.now();
  if (source) begin_download(std::move(source));
}

void Session::on_fault() {
  if (refusal_) return turn_away(std::move(*refusal_));
  refuse(reader_.fault());
}

void Session::refuse(const Fault& fault) { turn_away(error_response(fault.status, fault.code, fault.message)); }

void Session::turn_away(Response&& response) {
  if (output_.empty()) write_since_ = loop_.now();
  output_.add(std::move(response), {.keep_alive = false});
  last_answer_ = true;
}

void Session::on_end_of_input() {
  if (!reader_.between_requests()) return refuse({400, "INVALID_ARGUMENT", "the request ended before it was complete"});
  last_answer_ = true;
}

void Session::flush() {
  const auto before = output_.sent();
  const auto result = output_.flush(socket_);
  if (output_.sent() != before) write_since_ = loop_.now();
  if (result == Output::Flush::kLost) return close();
  if (result == Output::Flush::kDone && last_answer_ && state_ == State::kReading) finish_sending();
}

// Closing a socket with unread input resets the connection, and the client may lose the answer.
void Session::finish_sending() {
  if (peer_closed_ || input_is_drained()) return close();
  socket_.end_sending();
  state_ = State::kLingering;
  read_since_ = loop_.now();
}

bool Session::input_is_drained() { return !rest_unread_ && reader_.between_requests() && socket_.quiet(); }

void Session::discard() {
  std::array<char, 16 << 10> dropped;
  const auto got = socket_.receive(dropped);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) close();
}

void Session::close() {
  if (!socket_) return;
  loop_.forget(socket_.get());
  socket_.reset();
  if (upload_ && !upload_->with_pool) drop_upload();
  service_.connections.fetch_sub(1, std::memory_order_relaxed);
}

// Starts the clock of the header with its first byte, and that of the body with the header's end.
void Session::note_progress() {
  if (!read_begun_ && !reader_.between_requests()) {
    read_begun_ = true;
    read_since_ = loop_.now();
  }
  if (!body_begun_ && reader_.in_body()) {
    body_begun_ = true;
    read_since_ = loop_.now();
  }
}

void Session::on_sweep(Moment now) {
  const auto& options = service_.options;
  if (!output_.empty() && now - write_since_ > options.write_timeout) return close();
  if (state_ == State::kBusy || state_ == State::kAsking || state_ == State::kDownloading || !socket_) return;
  if (state_ == State::kUploading && !receives_upload()) return;
  Moment::duration limit = options.idle_timeout;
  if (read_begun_) limit = options.header_timeout;
  if (body_begun_) limit = options.body_timeout + seconds(reader_.body_received() / kBodyBytesPerSecond);
  if (state_ == State::kLingering) limit = kLingerTime;
  if (now - read_since_ > limit) on_timeout();
}

void Session::on_timeout() {
  if (state_ == State::kLingering || !read_begun_) {
    if (output_.empty()) close();
    return;
  }
  if (last_answer_ || output_.full()) return;
  Fault late{408, "DEADLINE_EXCEEDED",
             body_begun_ ? "the body of the request took too long" : "the header of the request took too long"};
  state_ == State::kUploading ? end_upload(std::move(late)) : refuse(late);
  flush();
}

void Session::drain() {
  draining_ = true;
  if (!socket_ || state_ != State::kReading) return;
  receive();
  advance();
}

}  // namespace millrace::net
