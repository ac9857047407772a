#pragma once

#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/rpc_messages.h"
#include "net/socket.h"

namespace millrace::net {

// A gRPC client on one connection, with which tests can do what no client would. Every wait ends after ten seconds.
class RpcTestClient {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  struct Outcome {
    std::string http_status;
    int status = -1;  // -1: none came
    std::string message;
    std::vector<std::string> answers;
    bool over = false;             // the stream was closed
    std::uint32_t reset_with = 0;  // the stream's HTTP/2 error
  };

  // `window` is what the server may send on a stream before it is told to go on.
  explicit RpcTestClient(std::uint16_t port, std::uint32_t window = 65'535)
      : socket_(MUST(start_connecting(MUST(resolve("127.0.0.1", port)).front()))) {
    wait(POLLOUT);
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry setting{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &setting, 1);
    write();
  }
  ~RpcTestClient() { nghttp2_session_del(session_); }
  RpcTestClient(const RpcTestClient&) = delete;
  RpcTestClient& operator=(const RpcTestClient&) = delete;

  std::int32_t start(std::string_view path, const Fields& metadata = {}) {
    Fields fields{{":method", "POST"},         {":scheme", "http"}, {":path", std::string(path)},
                  {":authority", "localhost"}, {"te", "trailers"},  {"content-type", "application/grpc"}};
    for (const auto& field : metadata) {
      const auto same = std::ranges::find(fields, field.first, &std::pair<std::string, std::string>::first);
      same == fields.end() ? void(fields.push_back(field)) : void(same->second = field.second);
    }
    std::vector<nghttp2_nv> raw;
    for (auto& [name, value] : fields) {
      raw.push_back({reinterpret_cast<std::uint8_t*>(name.data()), reinterpret_cast<std::uint8_t*>(value.data()),
                     name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    const nghttp2_data_provider body{.source = {.ptr = this}, .read_callback = read};
    const auto id = nghttp2_submit_request(session_, nullptr, raw.data(), raw.size(), &body, nullptr);
    streams_[id];
    write();
    return id;
  }

  enum class More { kYes, kNo };
  // Raw bytes of a stream.
  void send(std::int32_t id, std::string_view bytes, More more = More::kYes) {
    auto& stream = streams_[id];
    stream.out += bytes;
    stream.ended = more == More::kNo;
    nghttp2_session_resume_data(session_, id);
    write();
  }
  void send_message(std::int32_t id, std::string_view message, More more = More::kYes) {
    std::string framed;
    append_rpc_message(framed, message);
    send(id, framed, more);
  }
  void reset(std::int32_t id) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    write();
  }

  // Waits until the stream is over, the connection has ended, or it has so many answers.
  Outcome receive(std::int32_t id, std::size_t answers = SIZE_MAX) {
    auto& stream = streams_[id];
    while (!stream.outcome.over && cut(stream) < answers && !closed_) read_some();
    cut(stream);
    return stream.outcome;
  }

  Outcome call(std::string_view path, std::string_view message, const Fields& metadata = {}) {
    const auto id = start(path, metadata);
    send_message(id, message, More::kNo);
    return receive(id);
  }

  // Waits for the server's good-bye; its HTTP/2 error, or -1.
  int receive_goaway() {
    while (goaway_ < 0 && !closed_) read_some();
    return goaway_;
  }
  bool is_closed_by_server() {
    while (!closed_) read_some();
    return closed_ && !timed_out_;
  }

 private:
  struct Stream {
    std::string out;
    bool ended = false;
    RpcMessages in;
    Outcome outcome;
  };

  static RpcTestClient& self(void* user) { return *static_cast<RpcTestClient*>(user); }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
                       const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
    const std::string_view key(reinterpret_cast<const char*>(name), name_size);
    const std::string_view text(reinterpret_cast<const char*>(value), value_size);
    auto& outcome = self(user).streams_[frame->hd.stream_id].outcome;
    if (key == ":status") outcome.http_status = text;
    if (key == "grpc-status") std::from_chars(text.data(), text.data() + text.size(), outcome.status);
    if (key == "grpc-message") outcome.message = text;
    return 0;
  }
  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data, std::size_t size,
                     void* user) {
    MUST(self(user).streams_[id].in.add({reinterpret_cast<const char*>(data), size}, SIZE_MAX));
    return 0;
  }
  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
    self(user).streams_[id].outcome.over = true;
    self(user).streams_[id].outcome.reset_with = error;
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_GOAWAY) self(user).goaway_ = static_cast<int>(frame->goaway.error_code);
    return 0;
  }
  static ssize_t read(nghttp2_session*, std::int32_t id, std::uint8_t* into, std::size_t size, std::uint32_t* flags,
                      nghttp2_data_source*, void* user) {
    auto& stream = self(user).streams_[id];
    const auto count = std::min(size, stream.out.size());
    std::copy_n(stream.out.data(), count, into);
    stream.out.erase(0, count);
    if (!stream.out.empty()) return static_cast<ssize_t>(count);
    if (stream.ended) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return count == 0 && !stream.ended ? static_cast<ssize_t>(NGHTTP2_ERR_DEFERRED) : static_cast<ssize_t>(count);
  }

  static std::size_t cut(Stream& stream) {
    while (const auto message = stream.in.front()) {
      stream.outcome.answers.emplace_back(message->bytes);
      MUST(stream.in.pop(SIZE_MAX));
    }
    return stream.outcome.answers.size();
  }

  bool wait(short events) {
    pollfd wait{socket_.get(), events, 0};
    return ::poll(&wait, 1, 10'000) > 0;
  }

  void write() {
    const std::uint8_t* bytes = nullptr;
    for (auto size = nghttp2_session_mem_send(session_, &bytes); size > 0;
         size = nghttp2_session_mem_send(session_, &bytes)) {
      for (ssize_t sent = 0; sent < size;) {
        const auto now = ::send(socket_.get(), bytes + sent, static_cast<std::size_t>(size - sent), MSG_NOSIGNAL);
        if (now < 0 && (errno != EAGAIN || !wait(POLLOUT))) return;
        sent += std::max<ssize_t>(now, 0);
      }
    }
  }

  void read_some() {
    std::array<std::uint8_t, 16 << 10> bytes;
    timed_out_ = !wait(POLLIN);
    const auto got = timed_out_ ? 0 : ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (got <= 0) {
      closed_ = true;
      return;
    }
    nghttp2_session_mem_recv(session_, bytes.data(), static_cast<std::size_t>(got));
    write();
  }

  Fd socket_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Stream> streams_;
  int goaway_ = -1;
  bool closed_ = false;
  bool timed_out_ = false;
};

}  // namespace millrace::net
