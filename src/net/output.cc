#include "net/output.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "net/stream.h"
#include "net/text.h"

namespace millrace::net {
namespace {

constexpr std::size_t kKeptMemory = 256 << 10;

void append_number(std::string& out, std::size_t number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

// A line break in a value would let it forge further fields.
void append_value(std::string& out, std::string_view value) {
  const auto at = static_cast<std::ptrdiff_t>(out.size());
  out += value;
  std::transform(out.begin() + at, out.end(), out.begin() + at,
                 [](char c) { return c == '\r' || c == '\n' || c == '\0' ? ' ' : c; });
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  append_value(out, name);
  out += ": ";
  append_value(out, value);
  out += "\r\n";
}

bool has_body(int status) { return status >= 200 && status != 204 && status != 304; }

void append_head(std::string& out, const Response& response, const Output::Manner& manner) {
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::size_t>(response.status));
  out += ' ';
  out += reason_phrase(response.status);
  out += "\r\n";
  if (has_body(response.status)) {
    if (!response.content_type.empty()) append_field(out, "Content-Type", response.content_type);
    out += "Content-Length: ";
    append_number(out, response.source ? response.source->size() : response.body.size());
    out += "\r\n";
  }
  for (const auto& [name, value] : response.headers) append_field(out, name, value);
  if (!manner.keep_alive) out += "Connection: close\r\n";
  if (manner.keep_alive && manner.http_1_0) out += "Connection: keep-alive\r\n";
  out += "\r\n";
}

}  // namespace

void Output::add(Response&& response, Manner manner) {
  append_head(head_, response, manner);
  if (manner.without_body || !has_body(response.status)) return;
  if (response.body.size() > kFull) {
    tail_ = std::move(response.body);
  } else {
    head_ += response.body;
  }
}

Output::Flush Output::flush(Wire& wire) {
  while (!empty()) {
    iovec parts[2] = {{head_.data() + head_sent_, head_.size() - head_sent_},
                      {tail_.data() + tail_sent_, tail_.size() - tail_sent_}};
    const auto sent = wire.send({parts, tail_.empty() ? 1U : 2U});
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN ? Flush::kBlocked : Flush::kLost;
    advance(static_cast<std::size_t>(sent));
  }
  return Flush::kDone;
}

void Output::advance(std::size_t bytes) {
  sent_ += bytes;
  const auto of_head = std::min(bytes, head_.size() - head_sent_);
  head_sent_ += of_head;
  tail_sent_ += bytes - of_head;
  if (head_sent_ < head_.size() || tail_sent_ < tail_.size()) return;
  head_.clear();
  if (head_.capacity() > kKeptMemory) free_memory(head_);
  head_sent_ = tail_sent_ = 0;
  free_memory(tail_);
}

}  // namespace millrace::net
