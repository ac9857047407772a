#include "net/transfer.h"

#include <algorithm>
#include <exception>

#include "base/log.h"

namespace millrace::net {

using Steady = std::chrono::steady_clock;

void Upload::work(const Request& request, Guard* guard) {
  const auto begun = Steady::now();
  try {
    response = step(request);
  } catch (const std::exception& e) {
    log::error("an upload threw", {{"route", route_.pattern}, {"what", e.what()}});
    response = error_response(500, "INTERNAL", "internal error; the server's log says more");
  }
  if (response && guard != nullptr) guard->answered(request, route_, *response);
  time_ += Steady::now() - begun;
}

std::optional<Response> Upload::step(const Request& request) {
  if (!opened_) {
    auto sink = route_.upload(request);
    opened_ = true;
    if (!sink) return std::move(sink.error());
    sink_ = std::move(*sink);
  }
  if (piece.size > 0) {
    if (auto written = sink_->write(piece.view()); !written) return std::move(written.error());
  }
  if (piece.last) return sink_->finish();
  return std::nullopt;
}

void Download::work() {
  const auto size = std::min<std::uint64_t>(left, kSentPieceSize);
  Result<std::size_t> got = 0;
  piece.resize_and_overwrite(size, [&](char* bytes, std::size_t room) {
    got = source->read({bytes, room});
    return got.value_or(0);
  });
  failed = piece.empty();
  left -= piece.size();
  if (!got) log::warn("a response's body could not be read", {{"error", got.error().message}});
}

}  // namespace millrace::net
