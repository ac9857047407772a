#include <nghttp2/nghttp2.h>

#include <exception>

#include "base/actor.h"
#include "base/log.h"
#include "net/loop.h"
#include "net/rpc_session.h"
#include "net/rpc_text.h"

// The calls of a gRPC connection, each from its head to its status; rpc_session.cc has the connection.

namespace millrace::net {
namespace {

using State = RpcStream::State;
using std::chrono::seconds;

constexpr std::size_t kBodyBytesPerSecond = 16 << 10;
constexpr std::size_t kMostUnsent = std::size_t{64} << 20;
constexpr std::size_t kSmall = 1 << 20;
constexpr int kOk = 0;

Error busy() { return {Code::kUnavailable, "the server has too many requests waiting; try again in a second"}; }
Error stopping() { return {Code::kUnavailable, "the server is stopping"}; }
std::unexpected<Error> bug() { return internal_error("internal error; the server's log says more"); }

RpcAnswer run_handler(const RpcMethod& method, const RpcCall& call) {
  const ActingFor acting(call.request.user);
  if (call.deadline && std::chrono::steady_clock::now() >= *call.deadline) {
    return fail(Code::kDeadlineExceeded, "the deadline had passed before the call was looked at");
  }
  try {
    return method.handler(call);
  } catch (const std::exception& e) {
    log::error("a handler threw", {{"route", method.route.pattern}, {"what", e.what()}});
  } catch (...) {
    log::error("a handler threw", {{"route", method.route.pattern}});
  }
  return bug();
}

// A handler that throws destroys the reply, which answers.
void begin_deferred(const RpcMethod& method, const RpcCall& call, RpcReply reply) {
  const ActingFor acting(call.request.user);
  try {
    method.deferred(call, std::move(reply));
  } catch (const std::exception& e) {
    log::error("a handler threw", {{"route", method.route.pattern}, {"what", e.what()}});
  } catch (...) {
    log::error("a handler threw", {{"route", method.route.pattern}});
  }
}

Result<void> run_verify(Guard& guard, Request& request, const Route& route) {
  try {
    return guard.verify_call(request, route);
  } catch (const std::exception& e) {
    log::error("the guard threw", {{"path", std::string(request.path)}, {"what", e.what()}});
  }
  return bug();
}

Result<std::optional<Packing>> packing_of(std::string_view encoding) {
  if (encoding.empty() || encoding == "identity") return std::nullopt;
  if (encoding == "gzip") return Packing::kGzip;
  if (encoding == "deflate") return Packing::kDeflate;
  return fail(Code::kUnimplemented, "the grpc-encoding \"{}\" is not known; gzip and deflate are", encoding);
}

// The stream whose deferred handler is being called on this thread.
thread_local const RpcStream* t_deferring = nullptr;

}  // namespace

RpcReply::~RpcReply() {
  if (mailbox_) (*this)(bug());
}

void RpcReply::operator()(RpcAnswer answer) {
  const auto mailbox = std::move(mailbox_);
  if (t_deferring == stream_ && session_->answers_at_once(answer)) return;
  mailbox->post(*session_, [session = session_, stream = stream_, answer = std::move(answer)]() mutable {
    session->on_answer(*stream, std::move(answer));
  });
}

void RpcSession::on_head(RpcStream& stream) {
  stream.head.finish();
  if (stream.head.find(":method") != "POST") return answer_http(stream, "405");
  if (!is_grpc_content(stream.head.find("content-type"))) return answer_http(stream, "415");
  if (auto read = read_head(stream); !read) return end(stream, read.error());
  service_.options.guard != nullptr ? ask_guard(stream) : admit(stream);
}

Result<void> RpcSession::read_head(RpcStream& stream) {
  const auto& head = stream.head;
  if (head.too_large()) {
    return fail(Code::kResourceExhausted, "the metadata have more than {} bytes", service_.options.header_limit);
  }
  const auto path = head.find(":path");
  stream.method = service_.options.rpc->router->find(path);
  if (stream.method == nullptr) return fail(Code::kUnimplemented, "there is no method {}", path);
  stream.request.method = "POST";
  stream.request.path = path;
  stream.request.route = stream.method->route.pattern;
  stream.request.remote = remote_;
  stream.request.headers = head.fields();
  if (const auto timeout = head.find("grpc-timeout"); !timeout.empty()) {
    const auto duration = parse_grpc_timeout(timeout);
    if (!duration) return invalid_argument("the grpc-timeout \"{}\" is not one", timeout);
    stream.deadline = loop_.now() + *duration;
  }
  stream.packing = TRY(packing_of(head.find("grpc-encoding")));
  if (draining_) return std::unexpected(stopping());
  if (unsent_ > kMostUnsent) return fail(Code::kResourceExhausted, "too many answers wait for the client to take them");
  return {};
}

void RpcSession::ask_guard(RpcStream& stream) {
  auto& guard = *service_.options.guard;
  const auto& route = stream.method->route;
  Error refusal;
  const auto verdict = guard.check_call(stream.request, route, refusal);
  if (verdict == Guard::Verdict::kRefuse) return end(stream, refusal);
  if (verdict == Guard::Verdict::kAdmit) return admit(stream);
  if (overloaded()) return end(stream, busy());
  stream.state = State::kAsking;
  ++with_others_;
  service_.blocking.fetch_add(1, std::memory_order_relaxed);
  service_.pool.post([this, &stream, &guard, &route] {
    auto admitted = run_verify(guard, stream.request, route);
    service_.blocking.fetch_sub(1, std::memory_order_relaxed);
    loop_.mailbox()->post(*this, [this, &stream, admitted = std::move(admitted)] { on_verdict(stream, admitted); });
  });
}

void RpcSession::on_verdict(RpcStream& stream, const Result<void>& verdict) {
  --with_others_;
  stream.state = State::kReading;
  if (stream.gone) return release(stream);
  verdict ? admit(stream) : end(stream, verdict.error());
  pump();
}

void RpcSession::admit(RpcStream& stream) {
  stream.state = State::kReading;
  advance(stream);
}

void RpcSession::on_data(RpcStream& stream, std::string_view bytes) {
  if (stream.state == State::kAnswered) return widen_window(stream, bytes.size());
  const auto limit = service_.options.body_limit;
  if (stream.messages.held() == 0) stream.waits_since = loop_.now();
  if (auto added = stream.messages.add(bytes, limit); !added) return on_bad_message(stream, added.error());
  if (stream.messages.held() > kSmall && held() > 2 * limit) return end_connection(NGHTTP2_ENHANCE_YOUR_CALM);
  // The client waits where it is ahead by much.
  const bool ahead = stream.messages.held() > kSmall && has_message(stream);
  ahead ? void(stream.withheld += bytes.size()) : widen_window(stream, bytes.size());
  advance(stream);
}

// Where the call is with a handler it cannot have a status yet.
void RpcSession::on_bad_message(RpcStream& stream, const Error& error) {
  if (!stream.is_with_others()) return end(stream, error);
  nghttp2_submit_rst_stream(http2_.get(), NGHTTP2_FLAG_NONE, stream.id, NGHTTP2_INTERNAL_ERROR);
}

void RpcSession::on_end(RpcStream& stream) {
  stream.ended = true;
  advance(stream);
}

// Serves the messages that have come, as far as that can be done now.
void RpcSession::advance(RpcStream& stream) {
  while (stream.state == State::kReading) {
    const bool stream_of_messages = stream.method->shape == RpcShape::kExchange;
    if (!stream_of_messages && (!stream.ended || stream.last)) return;
    if (stream.unsent() > kSmall) {
      stalled_ = true;
      return;
    }
    if (has_message(stream)) {
      serve(stream);
    } else if (!stream.ended) {
      return;
    } else if (stream.messages.held() > 0) {
      end(stream, {Code::kInvalidArgument, "the call ended within a message"});
    } else if (stream_of_messages) {
      end(stream, kOk, "");
    } else {
      end(stream, {Code::kUnimplemented, "the call brought no message"});
    }
  }
}

bool RpcSession::has_message(const RpcStream& stream) const { return stream.messages.front().has_value(); }

void RpcSession::serve(RpcStream& stream) {
  const auto message = take_message(stream);
  if (!message) return end(stream, message.error());
  run(stream, *message);
}

// What is read in place stays in place: a unary call brings nothing after its message.
Result<std::string_view> RpcSession::take_message(RpcStream& stream) {
  const auto limit = service_.options.body_limit;
  const auto front = *stream.messages.front();
  if (front.packed && !stream.packing)
    return internal_error("a message is packed, but the call names no grpc-encoding");
  if (front.packed) {
    stream.message = TRY(unpack(front.bytes, *stream.packing, limit));
  } else if (stream.method->shape == RpcShape::kUnary) {
    if (stream.messages.held() == RpcMessages::kPrefix + front.bytes.size()) return front.bytes;
    return fail(Code::kUnimplemented, "the call brought more than one message");
  } else {
    stream.message = front.bytes;
  }
  TRY(stream.messages.pop(limit));
  if (stream.withheld > 0 && stream.messages.held() <= kSmall) widen_window(stream, std::exchange(stream.withheld, 0));
  stream.waits_since = loop_.now();
  return stream.message;
}

void RpcSession::run(RpcStream& stream, std::string_view message) {
  const RpcCall call{.request = stream.request, .message = message, .deadline = stream.deadline};
  stream.state = State::kBusy;
  ++with_others_;
  switch (stream.method->route.lane) {
    case Lane::kInline:
      return settle(stream, run_handler(*stream.method, call));
    case Lane::kBlocking:
      return run_blocking(stream, call);
    case Lane::kDeferred:
      return run_deferred(stream, call);
  }
}

bool RpcSession::overloaded() const {
  return service_.blocking.load(std::memory_order_relaxed) >= service_.options.blocking_limit;
}

void RpcSession::run_blocking(RpcStream& stream, const RpcCall& call) {
  if (overloaded()) return settle(stream, std::unexpected(busy()));
  service_.blocking.fetch_add(1, std::memory_order_relaxed);
  service_.pool.post([this, &stream, call] {
    RpcAnswer answer = std::unexpected(stopping());
    if (!service_.abandon.load(std::memory_order_relaxed)) {
      answer = run_handler(*stream.method, call);
      if (auto* guard = service_.options.guard) {
        guard->answered_call(call.request, stream.method->route, answer ? nullptr : &answer.error());
      }
    }
    service_.blocking.fetch_sub(1, std::memory_order_relaxed);
    loop_.mailbox()->post(
        *this, [this, &stream, answer = std::move(answer)]() mutable { on_answer(stream, std::move(answer)); });
  });
}

// The answer comes within the call, or by mail.
void RpcSession::run_deferred(RpcStream& stream, const RpcCall& call) {
  t_deferring = &stream;
  begin_deferred(*stream.method, call, RpcReply(loop_.mailbox(), *this, stream));
  t_deferring = nullptr;
  if (at_once_) settle(stream, *std::exchange(at_once_, std::nullopt));
}

bool RpcSession::answers_at_once(RpcAnswer& answer) {
  if (at_once_) return false;
  at_once_ = std::move(answer);
  return true;
}

void RpcSession::on_answer(RpcStream& stream, RpcAnswer&& answer) {
  if (stream.gone) {
    --with_others_;
    return release(stream);
  }
  settle(stream, std::move(answer));
  advance(stream);
  pump();
}

void RpcSession::settle(RpcStream& stream, RpcAnswer&& answer) {
  --with_others_;
  stream.state = State::kReading;
  if (!answer) return end(stream, answer.error());
  switch (stream.method->shape) {
    case RpcShape::kUnary:
      send(stream, *answer);
      return end(stream, kOk, "");
    case RpcShape::kExchange:
      return send(stream, *answer);
    case RpcShape::kWatch:
      if (stream.last == *answer) return;
      send(stream, *answer);
      stream.last = std::move(*answer);
  }
}

void RpcSession::sweep_stream(RpcStream& stream, Moment now) {
  if (stream.state != State::kReading) return;
  if (stream.deadline && now >= *stream.deadline) {
    return end(stream, {Code::kDeadlineExceeded, "the deadline passed before the call was answered"});
  }
  if (stream.last) return run(stream, stream.message);
  const auto held = stream.messages.held();
  const bool awaits = stream.method->shape == RpcShape::kExchange ? held > 0 && !has_message(stream) : !stream.ended;
  const auto limit = service_.options.body_timeout + seconds(held / kBodyBytesPerSecond);
  if (awaits && now - stream.waits_since > limit) {
    end(stream, {Code::kDeadlineExceeded, "the message of the call took too long to come"});
  }
}

// Of a stream of messages, one that waits for the next.
void RpcSession::end_if_idle(RpcStream& stream) {
  const bool is_open_ended = stream.state == State::kReading && stream.method->shape != RpcShape::kUnary;
  if (is_open_ended && stream.messages.held() == 0) end(stream, stopping());
}

}  // namespace millrace::net
