#include "net/response_reader.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <cstring>
#include <optional>

namespace millrace::net {
namespace http = boost::beast::http;
using boost::beast::error_code;
using BeastView = boost::beast::string_view;

namespace {

constexpr std::uint64_t kMostReserved = std::uint64_t{16} << 20;  // for a body that is only announced

}  // namespace

class ResponseReader::Parser {
 public:
  class Beast : public http::basic_parser<false> {
   public:
    explicit Beast(ClientResponse& response) : response_(response) {}

   private:
    void on_response_impl(int status, BeastView, int, error_code&) override { response_.status = status; }
    void on_field_impl(http::field, BeastView name, BeastView value, error_code&) override {
      response_.headers.emplace_back(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
    }
    void on_request_impl(http::verb, BeastView, BeastView, int, error_code&) override {}
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
      if (length) response_.body.reserve(std::min(*length, kMostReserved));
    }
    std::size_t on_body_impl(BeastView body, error_code&) override {
      response_.body.append(body.data(), body.size());
      return body.size();
    }
    void on_chunk_header_impl(std::uint64_t, BeastView, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, BeastView body, error_code&) override {
      response_.body.append(body.data(), body.size());
      return body.size();
    }
    void on_finish_impl(error_code&) override {}

    ClientResponse& response_;
  };

  std::optional<Beast> beast;
};

ResponseReader::ResponseReader()
    : buffer_(std::make_unique_for_overwrite<char[]>(kCapacity)), parser_(std::make_unique<Parser>()) {}
ResponseReader::~ResponseReader() = default;

void ResponseReader::start(bool to_head) {
  parsed_ = end_ = 0;
  start_next(to_head);
}

void ResponseReader::start_next(bool to_head) {
  to_head_ = to_head;
  started_ = false;
  begin_message();
}

void ResponseReader::begin_message() {
  response_.status = 0;
  response_.body.clear();
  response_.headers.clear();
  parser_->beast.emplace(response_);
  parser_->beast->body_limit(boost::none);
  parser_->beast->header_limit(kCapacity / 2);
  parser_->beast->skip(to_head_);
}

Result<ResponseReader::Progress> ResponseReader::next() {
  while (parsed_ < end_) {
    started_ = true;
    error_code ec;
    parsed_ += parser_->beast->put({buffer_.get() + parsed_, end_ - parsed_}, ec);
    if (ec == http::error::need_more) break;
    if (ec) return data_loss("malformed response: {}", ec.message());
    if (!parser_->beast->is_done()) continue;
    if (!is_interim()) return Progress::kComplete;
    begin_message();
  }
  drop_parsed();
  if (space().empty()) return data_loss("malformed response: a line is too long");
  return Progress::kNeedMore;
}

Result<ResponseReader::Progress> ResponseReader::next_at_end() {
  if (!started_ || !parser_->beast->is_header_done()) return Progress::kNeedMore;
  error_code ec;
  parser_->beast->put_eof(ec);
  return ec ? Progress::kNeedMore : Progress::kComplete;
}

// Fields and body are copied as they are parsed, so nothing points into the buffer.
void ResponseReader::drop_parsed() {
  std::memmove(buffer_.get(), buffer_.get() + parsed_, end_ - parsed_);
  end_ -= parsed_;
  parsed_ = 0;
}

bool ResponseReader::keep_alive() const { return parsed_ == end_ && goes_on(); }

bool ResponseReader::goes_on() const { return parser_->beast->keep_alive(); }

}  // namespace millrace::net
