// Throws bytes at what reads HTTP requests, in pieces of every size, as a network brings them: each request is read
// whole or refused with a status.
//
//   make fuzz-http_requests      a minute of it

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "net/request_reader.h"
#include "net/target.h"

namespace {

using namespace millrace;
using Step = net::RequestReader::Step;

constexpr std::size_t kHeaderLimit = 1 << 12;
constexpr std::size_t kBodyLimit = 1 << 14;

void must(bool holds) {
  if (!holds) __builtin_trap();
}

void look_at(net::Request& request) {
  net::Target target;
  if (target.parse(request.path)) {
    for (const auto segment : target.segments()) must(segment.size() <= request.path.size());
    request.query_string = target.query();
    (void)request.query_parameters();
  }
  (void)request.header("content-type");
}

// False when the connection would close.
bool go_on(net::RequestReader& reader, bool streams) {
  net::Piece piece;
  while (true) {
    switch (reader.next()) {
      case Step::kNeedMore:
        return true;
      case Step::kHeader:
        look_at(reader.request());
        streams ? reader.stream_body() : reader.accept_body(kBodyLimit);
        break;
      case Step::kPiece:
        piece = reader.take_piece(std::move(piece));
        break;
      case Step::kRequest:
        must(streams || reader.request().body.size() <= kBodyLimit);
        if (!reader.keep_alive()) return false;
        reader.finish();
        break;
      case Step::kFault:
        must(reader.fault().status >= 400 && reader.fault().status < 600);
        return false;
    }
  }
}

}  // namespace

// The first byte says how large the pieces are, and whether bodies are streamed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = 1 + static_cast<std::size_t>(data[0] >> 1) * 8;
  const bool streams = (data[0] & 1) != 0;
  net::RequestReader reader(kHeaderLimit);
  std::string_view left(reinterpret_cast<const char*>(data) + 1, size - 1);
  while (!left.empty()) {
    const auto space = reader.space();
    must(!space.empty());
    const auto count = std::min({piece, left.size(), space.size()});
    std::memcpy(space.data(), left.data(), count);
    left.remove_prefix(count);
    reader.received(count);
    if (!go_on(reader, streams)) break;
  }
  return 0;
}
