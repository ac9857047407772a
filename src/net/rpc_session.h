#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/rpc_stream.h"
#include "net/session.h"
#include "net/wire.h"

extern "C" {
struct nghttp2_session;
}

namespace millrace::net {

class Loop;

// One connection that speaks gRPC over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md, RFC 9113): reads calls, has them answered,
// sends the answers, of many calls at once. nghttp2 knows the frames; what they mean is decided here. Lives on its
// loop's thread; a handler on the pool sees only its own call.
class RpcSession final : public Connection {
 public:
  RpcSession(Wire socket, std::string remote, Service& service, Loop& loop);
  ~RpcSession() override;

  int socket() const override { return socket_.get(); }
  std::uint32_t interest() const override;
  void on_events(std::uint32_t events) override;
  bool must_read_on() const override;
  void on_sweep(Moment now) override;
  void drain() override;
  bool finished() const override { return !socket_ && with_others_ == 0; }

  // What the handler of a stream's message answers.
  void on_answer(RpcStream& stream, RpcAnswer&& answer);
  // Keeps the answer of the deferred handler that this session is calling, on this thread; false where it calls none.
  bool answers_at_once(RpcAnswer& answer);

 private:
  struct Frames;  // nghttp2's callbacks
  struct FreeHttp2 {
    void operator()(nghttp2_session* session) const;
  };

  // The connection.
  void open_http2();
  void receive();
  void take(std::string_view bytes);
  void refuse_other_protocol();
  void pump();
  void make_output();
  bool flush();
  void finish_if_done();
  void finish_sending();
  void end_connection(std::uint32_t http2_error);
  void close();
  void discard();
  bool output_full() const { return output_.size() - output_sent_ > kFull; }
  bool is_idle() const { return streams_.empty() && output_.empty(); }

  // Its streams, as frames tell of them.
  RpcStream& open_stream(std::int32_t id);
  RpcStream* find_stream(std::int32_t id) const;
  void widen_window(RpcStream& stream, std::size_t bytes);
  void on_stream_closed(RpcStream& stream);
  void release(RpcStream& stream);
  std::size_t held() const;

  // A call, from its head to its status (rpc_calls.cc).
  void on_head(RpcStream& stream);
  void on_data(RpcStream& stream, std::string_view bytes);
  void on_bad_message(RpcStream& stream, const Error& error);
  void on_end(RpcStream& stream);
  Result<void> read_head(RpcStream& stream);
  void ask_guard(RpcStream& stream);
  void on_verdict(RpcStream& stream, const Result<void>& verdict);
  void admit(RpcStream& stream);
  void advance(RpcStream& stream);
  bool has_message(const RpcStream& stream) const;
  void serve(RpcStream& stream);
  Result<std::string_view> take_message(RpcStream& stream);
  void run(RpcStream& stream, std::string_view message);
  void run_blocking(RpcStream& stream, const RpcCall& call);
  void run_deferred(RpcStream& stream, const RpcCall& call);
  bool overloaded() const;
  void settle(RpcStream& stream, RpcAnswer&& answer);
  void send(RpcStream& stream, std::string_view message);
  void begin(RpcStream& stream);
  void end(RpcStream& stream, const Error& error) { end(stream, static_cast<int>(error.code), error.message); }
  void end(RpcStream& stream, int status, std::string_view message);
  void answer_http(RpcStream& stream, std::string_view status);
  void sweep_stream(RpcStream& stream, Moment now);
  void end_if_idle(RpcStream& stream);

  static constexpr std::size_t kFull = 64 << 10;

  Wire socket_;
  const std::string remote_;
  Service& service_;
  Loop& loop_;
  std::unique_ptr<nghttp2_session, FreeHttp2> http2_;
  std::vector<std::unique_ptr<RpcStream>> streams_;
  std::vector<std::unique_ptr<RpcStream>> spare_;  // for the next calls
  std::size_t with_others_ = 0;                    // calls that are with the guard or a handler
  std::optional<RpcAnswer> at_once_;               // of the deferred handler that is being called
  std::size_t unsent_ = 0;                         // bytes of answers that the client has not taken
  bool stalled_ = false;                           // a stream waits until its answers are sent

  std::string output_;
  std::size_t output_sent_ = 0;

  bool met_ = false;  // the client has said its first words
  bool reading_head_ = false;
  bool lingering_ = false;  // all is sent; what still comes is read and dropped
  bool draining_ = false;
  Moment opened_at_;
  Moment head_at_;   // when the head that is being read began
  Moment read_at_;   // when something last came
  Moment write_at_;  // when the client last took a byte
};

}  // namespace millrace::net
