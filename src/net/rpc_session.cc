#include "net/rpc_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "net/loop.h"
#include "net/rpc_text.h"

namespace millrace::net {
namespace {

using State = RpcStream::State;
using std::chrono::seconds;

constexpr auto kLingerTime = seconds(2);
constexpr std::int32_t kStreamWindow = 1 << 20;
constexpr std::int32_t kConnectionWindow = 8 << 20;
constexpr std::size_t kSpareStreams = 32;

// Calls that a client may drop before they are answered: so many at once, and so many a second. A client that opens
// calls only to drop them (CVE-2023-44487) is sent away.
constexpr std::uint64_t kResetBurst = 1000;
constexpr std::uint64_t kResetsPerSecond = 200;

nghttp2_nv field(std::string_view name, std::string_view value) {
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NONE};
}

const std::array kHead{field(":status", "200"), field("content-type", "application/grpc"),
                       field("grpc-accept-encoding", "identity,gzip,deflate")};

// The fields of a status, with the texts that they point to.
class Trailers {
 public:
  Trailers(int code, std::string_view message)
      : code_(fmt::format("{}", code)), message_(encode_grpc_message(message)) {
    fields_.push_back(field("grpc-status", code_));
    if (!message_.empty()) fields_.push_back(field("grpc-message", message_));
  }
  // Where nothing was sent before, they come with the head.
  std::vector<nghttp2_nv> with_head() const {
    std::vector<nghttp2_nv> all(kHead.begin(), kHead.end());
    all.insert(all.end(), fields_.begin(), fields_.end());
    return all;
  }
  const std::vector<nghttp2_nv>& fields() const { return fields_; }

 private:
  std::string code_, message_;
  std::vector<nghttp2_nv> fields_;
};

}  // namespace

// What nghttp2 calls while it reads and writes frames.
struct RpcSession::Frames {
  static RpcSession& session(void* user) { return *static_cast<RpcSession*>(user); }

  static int on_begin_headers(nghttp2_session* http2, const nghttp2_frame* frame, void* user) {
    session(user).reading_head_ = true;
    session(user).head_at_ = session(user).loop_.now();
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    auto& stream = session(user).open_stream(frame->hd.stream_id);
    nghttp2_session_set_stream_user_data(http2, frame->hd.stream_id, &stream);
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                       const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
    auto* stream = session(user).find_stream(frame->hd.stream_id);
    if (stream == nullptr || stream->head.is_finished()) return 0;  // trailers say nothing to us
    stream->head.add({reinterpret_cast<const char*>(name), name_size},
                     {reinterpret_cast<const char*>(value), value_size}, session(user).service_.options.header_limit);
    return 0;
  }

  static int on_data(nghttp2_session* http2, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size,
                     void* user) {
    nghttp2_session_consume_connection(http2, size);
    if (auto* stream = session(user).find_stream(id)) {
      session(user).on_data(*stream, {reinterpret_cast<const char*>(data), size});
    }
    return 0;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    auto& self = session(user);
    if (frame->hd.type == NGHTTP2_SETTINGS) self.met_ = true;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    auto* stream = self.find_stream(frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS) {
      self.reading_head_ = false;
      if (stream != nullptr && !stream->head.is_finished()) self.on_head(*stream);
    }
    if (stream != nullptr && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) self.on_end(*stream);
    return 0;
  }

  // After the last word to a client that still has something to say, it is told that nobody listens.
  static int on_frame_sent(nghttp2_session* http2, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
    const auto* stream = session(user).find_stream(frame->hd.stream_id);
    if (stream != nullptr && !stream->ended) {
      nghttp2_submit_rst_stream(http2, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    }
    return 0;
  }

  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
    if (auto* stream = session(user).find_stream(id)) session(user).on_stream_closed(*stream);
    return 0;
  }

  static ssize_t read(nghttp2_session* http2, std::int32_t id, std::uint8_t* into, std::size_t size,
                      std::uint32_t* flags, nghttp2_data_source* source, void* user) {
    auto& self = session(user);
    auto& stream = *static_cast<RpcStream*>(source->ptr);
    const auto count = std::min(size, stream.unsent());
    std::copy_n(stream.out.data() + stream.out_sent, count, into);
    stream.out_sent += count;
    self.unsent_ -= count;
    self.write_at_ = self.loop_.now();
    if (stream.unsent() > 0) return static_cast<ssize_t>(count);
    stream.out.clear();
    stream.out_sent = 0;
    if (stream.status) {
      const Trailers trailers(stream.status->first, stream.status->second);
      nghttp2_submit_trailer(http2, id, trailers.fields().data(), trailers.fields().size());
      *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    } else if (count == 0) {
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(count);
  }

  static nghttp2_session_callbacks* callbacks() {
    nghttp2_session_callbacks* all = nullptr;
    if (nghttp2_session_callbacks_new(&all) != 0) throw std::bad_alloc();
    nghttp2_session_callbacks_set_on_begin_headers_callback(all, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(all, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(all, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(all, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(all, on_stream_close);
    return all;
  }

  // Windows are widened by us, as messages are taken; closed streams and priorities are not remembered.
  static nghttp2_option* options() {
    nghttp2_option* all = nullptr;
    if (nghttp2_option_new(&all) != 0) throw std::bad_alloc();
    nghttp2_option_set_no_auto_window_update(all, 1);
    nghttp2_option_set_no_closed_streams(all, 1);
    nghttp2_option_set_stream_reset_rate_limit(all, kResetBurst, kResetsPerSecond);
    return all;
  }
};

void RpcSession::FreeHttp2::operator()(nghttp2_session* session) const { nghttp2_session_del(session); }

RpcSession::RpcSession(Wire socket, std::string remote, Service& service, Loop& loop)
    : socket_(std::move(socket)),
      remote_(std::move(remote)),
      service_(service),
      loop_(loop),
      opened_at_(loop.now()),
      read_at_(loop.now()),
      write_at_(loop.now()) {
  open_http2();
}

RpcSession::~RpcSession() { close(); }

void RpcSession::open_http2() {
  static nghttp2_session_callbacks* const callbacks = Frames::callbacks();
  static nghttp2_option* const options = Frames::options();
  nghttp2_session* session = nullptr;
  if (nghttp2_session_server_new2(&session, callbacks, this, options) != 0) throw std::bad_alloc();
  http2_.reset(session);
  const std::array settings{
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, service_.options.rpc->stream_limit},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
                             static_cast<std::uint32_t>(service_.options.header_limit)}};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
}

std::uint32_t RpcSession::interest() const {
  std::uint32_t events = 0;
  if (lingering_ || !output_full()) events |= EPOLLIN;
  if (!output_.empty() || socket_.wants_write()) events |= EPOLLOUT;
  return events;
}

bool RpcSession::must_read_on() const { return socket_.has_pending() && (interest() & EPOLLIN) != 0; }

void RpcSession::on_events(std::uint32_t events) {
  if (!socket_) return;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) return close();
  if (lingering_) return discard();
  if ((events & EPOLLIN) != 0) receive();
  pump();
}

void RpcSession::receive() {
  thread_local std::array<char, 64 << 10> bytes;
  const auto got = socket_.receive(bytes);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return close();
  read_at_ = loop_.now();
  take({bytes.data(), static_cast<std::size_t>(got)});
}

void RpcSession::take(std::string_view bytes) {
  const auto taken =
      nghttp2_session_mem_recv(http2_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC) return refuse_other_protocol();
  if (taken < 0) end_connection(taken == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
}

// Somebody who speaks HTTP/1.1 here is told so in it.
void RpcSession::refuse_other_protocol() {
  constexpr std::string_view kText = "this port speaks gRPC (HTTP/2); HTTP/1.1 is spoken on the other one\n";
  output_ = fmt::format(
      "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
      kText.size(), kText);
  output_sent_ = 0;
  flush();
  if (socket_) finish_sending();
}

// What nghttp2 has to send is sent, as far as the client takes it.
void RpcSession::pump() {
  while (socket_ && !lingering_) {
    make_output();
    const bool all_sent = flush();
    if (!socket_) return;
    if (stalled_) {
      stalled_ = false;
      for (std::size_t i = streams_.size(); i-- > 0;) advance(*streams_[i]);
    }
    if (!all_sent || nghttp2_session_want_write(http2_.get()) == 0) break;
  }
  finish_if_done();
}

void RpcSession::make_output() {
  const bool was_empty = output_.empty();
  while (!output_full()) {
    const std::uint8_t* bytes = nullptr;
    const auto count = nghttp2_session_mem_send(http2_.get(), &bytes);
    if (count < 0) return close();
    if (count == 0) break;
    output_.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
  }
  if (was_empty && !output_.empty()) write_at_ = loop_.now();
}

// Whether all is sent.
bool RpcSession::flush() {
  while (socket_ && output_sent_ < output_.size()) {
    const iovec part{output_.data() + output_sent_, output_.size() - output_sent_};
    const auto sent = socket_.send({&part, 1});
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      if (errno != EAGAIN) close();
      return false;
    }
    output_sent_ += static_cast<std::size_t>(sent);
    write_at_ = loop_.now();
  }
  output_.clear();
  output_sent_ = 0;
  return true;
}

void RpcSession::finish_if_done() {
  if (!socket_ || lingering_ || !output_.empty()) return;
  const bool over = nghttp2_session_want_read(http2_.get()) == 0 && nghttp2_session_want_write(http2_.get()) == 0;
  if (over || (draining_ && streams_.empty())) finish_sending();
}

// Closing a socket with unread input resets the connection, and the client may lose what was sent last.
void RpcSession::finish_sending() {
  socket_.end_sending();
  lingering_ = true;
  read_at_ = loop_.now();
}

void RpcSession::discard() {
  std::array<char, 16 << 10> dropped;
  const auto got = socket_.receive(dropped);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) close();
}

void RpcSession::end_connection(std::uint32_t http2_error) {
  nghttp2_session_terminate_session(http2_.get(), http2_error);
}

void RpcSession::close() {
  if (!socket_) return;
  loop_.forget(socket_.get());
  socket_.reset();
  http2_.reset();
  for (std::size_t i = streams_.size(); i-- > 0;) {
    if (streams_[i]->is_with_others()) {
      streams_[i]->gone = true;
    } else {
      release(*streams_[i]);
    }
  }
  service_.connections.fetch_sub(1, std::memory_order_relaxed);
}

RpcStream& RpcSession::open_stream(std::int32_t id) {
  if (spare_.empty()) spare_.push_back(std::make_unique<RpcStream>());
  auto& stream = *streams_.emplace_back(std::move(spare_.back()));
  spare_.pop_back();
  stream.id = id;
  stream.index = streams_.size() - 1;
  stream.waits_since = loop_.now();
  return stream;
}

RpcStream* RpcSession::find_stream(std::int32_t id) const {
  return static_cast<RpcStream*>(nghttp2_session_get_stream_user_data(http2_.get(), id));
}

void RpcSession::release(RpcStream& stream) {
  unsent_ -= stream.unsent();
  const auto index = stream.index;
  std::swap(streams_[index], streams_.back());
  streams_[index]->index = index;
  stream.reset();
  if (spare_.size() < kSpareStreams) spare_.push_back(std::move(streams_.back()));
  streams_.pop_back();
}

void RpcSession::on_stream_closed(RpcStream& stream) {
  if (!stream.is_with_others()) return release(stream);
  stream.gone = true;
  unsent_ -= stream.unsent();
  stream.out.clear();
  stream.out_sent = 0;
}

void RpcSession::widen_window(RpcStream& stream, std::size_t bytes) {
  nghttp2_session_consume_stream(http2_.get(), stream.id, bytes);
}

std::size_t RpcSession::held() const {
  std::size_t sum = 0;
  for (const auto& stream : streams_) sum += stream->messages.held();
  return sum;
}

void RpcSession::send(RpcStream& stream, std::string_view message) {
  if (unsent_ == 0) write_at_ = loop_.now();
  const auto before = stream.out.size();
  append_rpc_message(stream.out, message);
  unsent_ += stream.out.size() - before;
  begin(stream);
}

// Hands the head and the source of what follows to nghttp2, or wakes it where that was done.
void RpcSession::begin(RpcStream& stream) {
  if (std::exchange(stream.begun, true)) {
    nghttp2_session_resume_data(http2_.get(), stream.id);
    return;
  }
  const nghttp2_data_provider body{.source = {.ptr = &stream}, .read_callback = Frames::read};
  nghttp2_submit_response(http2_.get(), stream.id, kHead.data(), kHead.size(), &body);
}

void RpcSession::end(RpcStream& stream, int status, std::string_view message) {
  stream.state = State::kAnswered;
  stream.messages.clear();
  stream.status.emplace(status, message);
  if (stream.begun) return begin(stream);
  stream.begun = true;
  const Trailers trailers(status, message);
  const auto fields = trailers.with_head();
  nghttp2_submit_response(http2_.get(), stream.id, fields.data(), fields.size(), nullptr);
}

// To what is not gRPC.
void RpcSession::answer_http(RpcStream& stream, std::string_view status) {
  stream.state = State::kAnswered;
  stream.begun = true;
  const auto head = field(":status", status);
  nghttp2_submit_response(http2_.get(), stream.id, &head, 1, nullptr);
}

void RpcSession::on_sweep(Moment now) {
  const auto& options = service_.options;
  if (!socket_) return;
  if (lingering_) return now - read_at_ > kLingerTime ? close() : void();
  const bool has_something_to_send = !output_.empty() || unsent_ > 0;
  if (has_something_to_send && now - write_at_ > options.write_timeout) return close();
  if (!met_ && now - opened_at_ > options.header_timeout) return close();
  if (reading_head_ && now - head_at_ > options.header_timeout) return close();
  if (is_idle() && now - read_at_ > options.idle_timeout) return drain();
  for (std::size_t i = streams_.size(); i-- > 0;) sweep_stream(*streams_[i], now);
  pump();
}

// New calls are the client's to send elsewhere; those that wait for nothing of ours end.
void RpcSession::drain() {
  if (!socket_ || std::exchange(draining_, true) || lingering_) return;
  receive();
  if (!socket_) return;
  const auto last = nghttp2_session_get_last_proc_stream_id(http2_.get());
  nghttp2_submit_goaway(http2_.get(), NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
  for (std::size_t i = streams_.size(); i-- > 0;) end_if_idle(*streams_[i]);
  pump();
}

}  // namespace millrace::net
