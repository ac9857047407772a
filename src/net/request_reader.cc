#include "net/request_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <cstring>

#include "net/stream.h"
#include "net/text.h"

namespace millrace::net {
namespace http = boost::beast::http;
using boost::beast::error_code;
using BeastView = boost::beast::string_view;

namespace {

constexpr std::size_t kBodySpace = 48 << 10;    // beside the header, in the buffer
constexpr std::size_t kKeptBody = 1 << 20;      // a larger body's memory is given back
constexpr std::size_t kReservedBody = 4 << 20;  // at most, on the word of Content-Length alone
constexpr std::size_t kMostFields = 128;
constexpr std::size_t kLeastSpace = 4 << 10;

std::string_view view(BeastView text) { return {text.data(), text.size()}; }

bool is_visible(char c) { return c > ' ' && c < 127; }

}  // namespace

// Beast's parser, which tells the reader what it finds. Made anew for each request, in the same place.
class RequestReader::Parser {
 public:
  explicit Parser(RequestReader& reader) : reader_(reader) { reset(); }

  void reset() {
    beast_.emplace(reader_);
    beast_->body_limit(boost::none);
    beast_->header_limit(static_cast<std::uint32_t>(reader_.header_limit_));
  }

  class Beast : public http::basic_parser<true> {
   public:
    explicit Beast(RequestReader& reader) : reader_(reader) {}

    std::optional<Fault> refused;
    int hosts = 0;

   private:
    void on_request_impl(http::verb, BeastView method, BeastView target, int version, error_code&) override {
      reader_.request_.method = view(method);
      reader_.request_.path = view(target);
      reader_.version_ = version;
    }

    void on_field_impl(http::field field, BeastView name, BeastView value, error_code& ec) override {
      if (is_header_done()) return;  // trailers are read over, never taken for headers
      if (!inside_buffer(value)) return refuse(ec, 400, "a header field is folded over lines");
      if (reader_.fields_.size() == kMostFields) return refuse(ec, 431, "the request has too many header fields");
      reader_.fields_.push_back({view(name), view(value)});
      if (field == http::field::host) ++hosts;
      if (field == http::field::transfer_encoding && !equals_ignoring_case(view(value), "chunked")) {
        return refuse(ec, 501, fmt::format("transfer encoding \"{}\" is not supported", view(value)));
      }
      if (field == http::field::expect) on_expect(view(value), ec);
    }

    void on_expect(std::string_view value, error_code& ec) {
      if (!equals_ignoring_case(value, "100-continue"))
        return refuse(ec, 417, "the only expectation known is 100-continue");
      reader_.expects_continue_ = reader_.version_ == 11;
    }

    // A folded value stands in the parser's own passing memory.
    bool inside_buffer(BeastView value) const {
      const auto* start = reader_.buffer_.get();
      return value.empty() || (value.data() >= start && value.data() < start + reader_.capacity_);
    }

    void refuse(error_code& ec, int status, std::string message) {
      refused = Fault{status, status == 501 ? "UNIMPLEMENTED" : "INVALID_ARGUMENT", std::move(message)};
      ec = http::error::bad_value;
    }

    void on_response_impl(int, BeastView, int, error_code&) override {}
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
    std::size_t on_body_impl(BeastView, error_code&) override { return 0; }  // plain bodies do not pass the parser
    void on_chunk_header_impl(std::uint64_t, BeastView, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, BeastView body, error_code&) override {
      reader_.take_chunk(view(body));
      return body.size();
    }
    void on_finish_impl(error_code&) override {}

    RequestReader& reader_;
  };

  Beast& beast() { return *beast_; }

 private:
  RequestReader& reader_;
  std::optional<Beast> beast_;
};

RequestReader::RequestReader(std::size_t header_limit)
    : header_limit_(header_limit),
      capacity_(header_limit + kBodySpace),
      buffer_(std::make_unique_for_overwrite<char[]>(capacity_)),
      parser_(std::make_unique<Parser>(*this)) {}

RequestReader::~RequestReader() = default;

std::span<char> RequestReader::space() {
  if (!receives_into_piece()) return {buffer_.get() + end_, capacity_ - end_};
  return {piece_.bytes.get() + piece_.size, std::min<std::uint64_t>(kPieceSize - piece_.size, stream_left_)};
}

void RequestReader::received(std::size_t bytes) {
  if (!receives_into_piece()) {
    end_ += bytes;
    return;
  }
  piece_.size += bytes;
  streamed_ += bytes;
  stream_left_ -= bytes;
}

RequestReader::Step RequestReader::next() {
  switch (phase_) {
    case Phase::kHeader:
      return next_header();
    case Phase::kAwaitLimit:
      return Step::kHeader;
    case Phase::kBody:
      return next_body();
    case Phase::kStream:
      return next_piece();
    case Phase::kRequest:
      return Step::kRequest;
    case Phase::kFault:
      return Step::kFault;
  }
  return Step::kFault;
}

RequestReader::Step RequestReader::next_header() {
  while (begin_ == parsed_ && begin_ < end_ && (buffer_[begin_] == '\r' || buffer_[begin_] == '\n'))
    ++parsed_, ++begin_;
  if (parsed_ == end_) {
    if (begin_ == end_) begin_ = parsed_ = end_ = 0;
    return Step::kNeedMore;
  }
  if (begin_ == parsed_ && !is_visible(buffer_[begin_]))
    return fail(400, "INVALID_ARGUMENT", "malformed request: this is not HTTP");
  error_code ec;
  parsed_ += parser_->beast().put({buffer_.get() + parsed_, end_ - parsed_}, ec);
  if (auto& refused = parser_->beast().refused)
    return fail(refused->status, refused->code, std::move(refused->message));
  const bool too_long =
      parsed_ - begin_ > header_limit_ || (!parser_->beast().is_header_done() && end_ - begin_ >= header_limit_);
  if (ec == http::error::header_limit || too_long) {
    return fail(431, "INVALID_ARGUMENT",
                fmt::format("the header of the request is larger than {} bytes", header_limit_));
  }
  if (ec == http::error::need_more && !start_is_malformed()) return Step::kNeedMore;
  if (ec)
    return fail(400, "INVALID_ARGUMENT",
                fmt::format("malformed request: {}", ec == http::error::need_more ? "bad line ending" : ec.message()));
  if (!parser_->beast().is_header_done()) return Step::kNeedMore;
  return check_header().value_or(Step::kHeader);
}

// Lines that end without a carriage return would be waited on for ever.
bool RequestReader::start_is_malformed() {
  return std::string_view(buffer_.get() + parsed_, end_ - parsed_).find("\n\n") != std::string_view::npos;
}

std::optional<RequestReader::Step> RequestReader::check_header() {
  const auto& beast = parser_->beast();
  if (version_ == 11 && beast.hosts != 1) return fail(400, "INVALID_ARGUMENT", "a request needs one Host header");
  if (version_ == 10 && beast.chunked()) return fail(400, "INVALID_ARGUMENT", "HTTP/1.0 has no chunked bodies");
  header_end_ = parsed_;
  request_.headers = fields_;
  phase_ = Phase::kAwaitLimit;
  return std::nullopt;
}

void RequestReader::accept_body(std::size_t limit) {
  body_limit_ = limit;
  const auto& beast = parser_->beast();
  if (beast.content_length().value_or(0) > limit) {
    fail(413, "INVALID_ARGUMENT", fmt::format("the body of the request is larger than {} bytes", limit));
    return;
  }
  parser_->beast().body_limit(limit);
  phase_ = Phase::kBody;
}

void RequestReader::stream_body() {
  const auto& beast = parser_->beast();
  stream_left_ = beast.chunked() ? 0 : beast.content_length().value_or(0);
  streamed_ = 0;
  take_piece({});
  phase_ = Phase::kStream;
}

Piece RequestReader::take_piece(Piece spare) {
  if (!spare.bytes) spare.bytes = std::make_unique_for_overwrite<char[]>(kPieceSize);
  spare.size = 0;
  spare.last = false;
  return std::exchange(piece_, std::move(spare));
}

RequestReader::Step RequestReader::next_piece() {
  if (parser_->beast().chunked()) {
    if (auto filled = fill_piece_of_chunks(); !filled) return fail(400, "INVALID_ARGUMENT", filled.error().message);
  } else {
    fill_piece();
  }
  const bool full = piece_.size + (parser_->beast().chunked() ? capacity_ : 1) > kPieceSize;
  return piece_.last || full ? Step::kPiece : Step::kNeedMore;
}

// What came with the header; what follows is received into the piece.
void RequestReader::fill_piece() {
  const auto taken = std::min<std::uint64_t>({end_ - parsed_, stream_left_, kPieceSize - piece_.size});
  std::memcpy(piece_.bytes.get() + piece_.size, buffer_.get() + parsed_, taken);
  parsed_ += taken;
  piece_.size += taken;
  streamed_ += taken;
  stream_left_ -= taken;
  piece_.last = stream_left_ == 0;
}

Result<void> RequestReader::fill_piece_of_chunks() {
  auto& beast = parser_->beast();
  bool waits = false;
  while (parsed_ < end_ && !beast.is_done() && piece_.size + capacity_ <= kPieceSize) {
    error_code ec;
    parsed_ += beast.put({buffer_.get() + parsed_, end_ - parsed_}, ec);
    if (ec && ec != http::error::need_more) return invalid_argument("malformed body: {}", ec.message());
    waits = ec == http::error::need_more;
    if (waits) break;
  }
  piece_.last = beast.is_done();
  if (!piece_.last) make_room_for_chunks();
  if (waits && end_ == capacity_) return invalid_argument("malformed body: a chunk's header is too long");
  return {};
}

void RequestReader::take_chunk(std::string_view body) {
  if (phase_ != Phase::kStream) {
    body_.append(body);
    return;
  }
  std::memcpy(piece_.bytes.get() + piece_.size, body.data(), body.size());
  piece_.size += body.size();
  streamed_ += body.size();
}

RequestReader::Step RequestReader::next_body() {
  if (parser_->beast().chunked()) return chunked_body();
  return plain_body(parser_->beast().content_length().value_or(0));
}

RequestReader::Step RequestReader::plain_body(std::size_t length) {
  if (header_end_ + length <= capacity_) {
    if (end_ - header_end_ < length) return Step::kNeedMore;
    parsed_ = header_end_ + length;
    return whole_request({buffer_.get() + header_end_, length});
  }
  if (body_.empty()) body_.reserve(std::min(length, kReservedBody));
  const auto taken = std::min(end_ - parsed_, length - body_.size());
  body_.append(buffer_.get() + parsed_, taken);
  parsed_ += taken;
  if (body_.size() == length) return whole_request(body_);
  parsed_ = end_ = header_end_;
  return Step::kNeedMore;
}

RequestReader::Step RequestReader::chunked_body() {
  auto& beast = parser_->beast();
  while (parsed_ < end_ && !beast.is_done()) {
    error_code ec;
    parsed_ += beast.put({buffer_.get() + parsed_, end_ - parsed_}, ec);
    if (ec == http::error::body_limit) {
      return fail(413, "INVALID_ARGUMENT", fmt::format("the body of the request is larger than {} bytes", body_limit_));
    }
    if (ec == http::error::need_more) break;
    if (ec) return fail(400, "INVALID_ARGUMENT", fmt::format("malformed body: {}", ec.message()));
  }
  if (beast.is_done()) return whole_request(body_);
  make_room_for_chunks();
  if (end_ == capacity_) return fail(400, "INVALID_ARGUMENT", "malformed body: a chunk's header is too long");
  return Step::kNeedMore;
}

// The header stays where it is, since the fields point to it; what follows it moves up.
void RequestReader::make_room_for_chunks() {
  if (capacity_ - end_ >= kLeastSpace) return;
  std::memmove(buffer_.get() + header_end_, buffer_.get() + parsed_, end_ - parsed_);
  end_ -= parsed_ - header_end_;
  parsed_ = header_end_;
}

RequestReader::Step RequestReader::whole_request(std::string_view body) {
  request_.body = body;
  phase_ = Phase::kRequest;
  return Step::kRequest;
}

RequestReader::Step RequestReader::fail(int status, std::string_view code, std::string message) {
  fault_ = {status, code, std::move(message)};
  phase_ = Phase::kFault;
  return Step::kFault;
}

void RequestReader::finish() {
  begin_ = parsed_;
  if (begin_ == end_) {
    begin_ = parsed_ = end_ = 0;
  } else if (capacity_ - begin_ < header_limit_ + kLeastSpace) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = parsed_ = 0;
  }
  parser_->reset();
  fields_.clear();
  body_.clear();
  if (body_.capacity() > kKeptBody) free_memory(body_);
  piece_ = {};
  stream_left_ = 0;
  request_ = {};
  expects_continue_ = false;
  phase_ = Phase::kHeader;
}

bool RequestReader::keep_alive() const { return parser_->beast().keep_alive(); }

std::size_t RequestReader::body_received() const {
  if (phase_ == Phase::kStream) return streamed_;
  if (phase_ != Phase::kBody) return 0;
  return body_.size() + (end_ - parsed_);
}

}  // namespace millrace::net
