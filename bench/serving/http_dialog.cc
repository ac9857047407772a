#include <fmt/format.h>
#include <strings.h>

#include <charconv>
#include <optional>

#include "dialog.h"

namespace millrace::bench {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kLastChunk = "\r\n0\r\n\r\n";

std::size_t number(std::string_view text) {
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// The value of a field in a response's head, without the spaces before it.
std::optional<std::string_view> find_field(std::string_view head, std::string_view name) {
  for (std::size_t line = head.find("\r\n"); line != std::string_view::npos; line = head.find("\r\n", line + 2)) {
    const std::string_view field = head.substr(line + 2);
    if (field.size() <= name.size() || field[name.size()] != ':') continue;
    if (::strncasecmp(field.data(), name.data(), name.size()) != 0) continue;
    const std::string_view value = field.substr(name.size() + 1, field.find("\r\n") - name.size() - 1);
    return value.substr(std::min(value.find_first_not_of(' '), value.size()));
  }
  return std::nullopt;
}

// Reads one response at a time: nothing follows it before the next request is sent.
class HttpDialog final : public Dialog {
 public:
  explicit HttpDialog(const std::vector<std::string>& requests) : requests_(requests) {}

  std::string_view ask(std::size_t number) override {
    received_.clear();
    body_ = 0;
    return requests_[number];
  }

  Step take(std::string_view received, std::string&) override {
    received_ += received;
    if (body_ == 0 && !read_head()) return Step::kNeedMore;
    const bool complete = chunked_ ? received_.ends_with(kLastChunk) : received_.size() >= body_ + length_;
    if (!complete) return Step::kNeedMore;
    return received_.compare(9, 3, "200") == 0 ? Step::kAnswered : Step::kFailed;
  }

  std::string_view answer() const override {
    return received_.compare(9, 3, "200") == 0 ? std::string_view(received_).substr(body_) : received_;
  }

 private:
  bool read_head() {
    const std::size_t end = received_.find(kHeadEnd);
    if (end == std::string::npos) return false;
    const std::string_view head = std::string_view(received_).substr(0, end + 2);
    const auto length = find_field(head, "content-length");
    chunked_ = !length && find_field(head, "transfer-encoding");
    length_ = length ? number(*length) : 0;
    // The last chunk's line break may be that of the head.
    body_ = chunked_ ? end + 2 : end + kHeadEnd.size();
    return true;
  }

  const std::vector<std::string>& requests_;
  std::string received_;
  std::size_t body_ = 0;  // where it begins, once the head has come
  std::size_t length_ = 0;
  bool chunked_ = false;
};

class HttpScript final : public Script {
 public:
  HttpScript(const HttpRequest& request, const std::vector<std::string>& bodies) {
    std::string fields = fmt::format("Host: {}\r\n", request.host);
    for (const auto& field : request.fields) fields += field + "\r\n";
    for (const auto& body : bodies) {
      requests_.push_back(
          fmt::format("POST {} HTTP/1.1\r\n{}Content-Length: {}\r\n\r\n{}", request.target, fields, body.size(), body));
    }
    if (bodies.empty()) requests_.push_back(fmt::format("GET {} HTTP/1.1\r\n{}\r\n", request.target, fields));
  }
  std::unique_ptr<Dialog> begin() const override { return std::make_unique<HttpDialog>(requests_); }
};

}  // namespace

std::unique_ptr<Script> http_script(const HttpRequest& request, const std::vector<std::string>& bodies) {
  return std::make_unique<HttpScript>(request, bodies);
}

}  // namespace millrace::bench
