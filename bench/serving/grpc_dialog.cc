#include <fmt/format.h>

#include <cstdint>

#include "dialog.h"

namespace millrace::bench {
namespace {

constexpr std::size_t kFrameHead = 9;
constexpr std::uint32_t kWindow = 1U << 30;  // what the server may send before it is told to go on

enum FrameType : std::uint8_t { kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kPing = 6, kGoAway = 7 };
enum FrameFlag : std::uint8_t { kAck = 1, kEndStream = 1, kEndHeaders = 4 };

void put_32(char* to, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) *to++ = static_cast<char>(value >> shift);
}

std::uint32_t get_32(const char* from) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint8_t>(from[i]);
  return value;
}

std::string number_32(std::uint32_t value) {
  std::string bytes(4, '\0');
  put_32(bytes.data(), value);
  return bytes;
}

// On stream 0, or to be put on another by set_stream.
std::string frame(std::uint8_t type, std::uint8_t flags, std::string_view payload) {
  std::string bytes = number_32(static_cast<std::uint32_t>(payload.size()) << 8 | type);
  bytes += static_cast<char>(flags);
  bytes += number_32(0);
  bytes += payload;
  return bytes;
}

void set_stream(char* frame, std::uint32_t stream) { put_32(frame + 5, stream); }

// A field that no table keeps (RFC 7541, 6.2.2), of less than 127 bytes.
std::string field(std::string_view name, std::string_view value) {
  return fmt::format("{}{}{}{}{}", '\0', static_cast<char>(name.size()), name, static_cast<char>(value.size()), value);
}

std::string header_block(std::string_view host, std::string_view method) {
  return "\x83\x86" + field(":path", method) + field(":authority", host) + field("content-type", "application/grpc") +
         field("te", "trailers");
}

std::string make_greeting() {
  const std::string initial_window = std::string("\0\4", 2) + number_32(kWindow);
  const std::string no_table = std::string("\0\1", 2) + number_32(0);
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(kSettings, 0, no_table + initial_window) +
         frame(8, 0, number_32(kWindow));
}

// An answer is good where it brings a message: what is refused comes as trailers alone.
class GrpcDialog final : public Dialog {
 public:
  GrpcDialog(const std::vector<std::string>& requests, std::size_t data_at)
      : requests_(requests), greeting_(make_greeting()), data_at_(data_at) {}

  std::string_view greeting() const override { return greeting_; }

  std::string_view ask(std::size_t number) override {
    message_.clear();
    request_ = requests_[number];
    set_stream(request_.data(), stream_);
    set_stream(request_.data() + data_at_, stream_);
    stream_ += 2;
    return request_;
  }

  Step take(std::string_view received, std::string& reply) override {
    received_ += received;
    Step step = Step::kNeedMore;
    std::size_t at = 0;
    while (received_.size() - at >= kFrameHead) {
      const std::size_t size = get_32(received_.data() + at) >> 8;
      if (received_.size() - at < kFrameHead + size) break;
      const Step made = on_frame(std::string_view(received_).substr(at, kFrameHead + size), reply);
      if (made != Step::kNeedMore) step = made;
      at += kFrameHead + size;
    }
    received_.erase(0, at);
    return step;
  }

  std::string_view answer() const override {
    return std::string_view(message_).substr(std::min<std::size_t>(5, message_.size()));
  }

 private:
  Step on_frame(std::string_view frame_bytes, std::string& reply) {
    const auto type = static_cast<std::uint8_t>(frame_bytes[3]);
    const auto flags = static_cast<std::uint8_t>(frame_bytes[4]);
    const std::string_view payload = frame_bytes.substr(kFrameHead);
    if (type == kReset || type == kGoAway) return Step::kFailed;
    if (type == kSettings && (flags & kAck) == 0) reply += frame(kSettings, kAck, {});
    if (type == kPing && (flags & kAck) == 0) reply += frame(kPing, kAck, payload);
    if (type == kData) take_data(payload, reply);
    if ((type != kData && type != kHeaders) || (flags & kEndStream) == 0) return Step::kNeedMore;
    return message_.size() > 5 ? Step::kAnswered : Step::kFailed;
  }

  void take_data(std::string_view payload, std::string& reply) {
    message_ += payload;
    taken_ += static_cast<std::uint32_t>(payload.size());
    if (taken_ < kWindow / 2) return;
    reply += frame(8, 0, number_32(taken_));
    taken_ = 0;
  }

  const std::vector<std::string>& requests_;
  const std::string greeting_;
  const std::size_t data_at_;  // where the frame of the message begins in a request
  std::uint32_t stream_ = 1;
  std::uint32_t taken_ = 0;  // bytes that the server has not been told of
  std::string request_, received_, message_;
};

class GrpcScript final : public Script {
 public:
  GrpcScript(const std::string& host, const std::string& method, const std::vector<std::string>& messages) {
    const std::string head = frame(kHeaders, kEndHeaders, header_block(host, method));
    data_at_ = head.size();
    for (const auto& message : messages) {
      const std::string plain = '\0' + number_32(static_cast<std::uint32_t>(message.size())) + message;
      requests_.push_back(head + frame(kData, kEndStream, plain));
    }
  }
  std::unique_ptr<Dialog> begin() const override { return std::make_unique<GrpcDialog>(requests_, data_at_); }

 private:
  std::size_t data_at_ = 0;
};

}  // namespace

std::unique_ptr<Script> grpc_script(const std::string& host, const std::string& method,
                                    const std::vector<std::string>& messages) {
  return std::make_unique<GrpcScript>(host, method, messages);
}

}  // namespace millrace::bench
