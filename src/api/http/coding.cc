#include "api/http/coding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace millrace::api {
namespace {

constexpr std::size_t kLeastPacked = 8 << 10;  // below, the network's time is that of a packet or few
// Numbers seldom pack better than ten times; what is far beyond was made to fill memory.
constexpr std::size_t kMostRatio = 200;
constexpr std::size_t kFreeBytes = std::size_t{1} << 20;  // that small, any ratio is

struct Coding {
  std::string_view name;
  Packing packing;
};
constexpr std::array kKnown{Coding{"gzip", Packing::kGzip}, Coding{"deflate", Packing::kDeflate}};

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

const Coding* find_coding(std::string_view name) {
  auto found = std::ranges::find_if(kKnown, [&](const Coding& c) { return net::equals_ignoring_case(c.name, name); });
  return found == kKnown.end() ? nullptr : found;
}

// "gzip;q=0" refuses it.
bool is_refused(std::string_view parameters) {
  auto weight = trimmed(parameters);
  if (!weight.starts_with("q=") && !weight.starts_with("Q=")) return false;
  double value = 1;
  std::from_chars(weight.data() + 2, weight.data() + weight.size(), value);
  return value == 0;
}

}  // namespace

std::expected<std::string_view, BodyFault> unpacked_body(const net::Request& request, std::size_t most,
                                                         std::string& room) {
  auto name = trimmed(request.header("content-encoding"));
  if (name.empty() || net::equals_ignoring_case(name, "identity")) return request.body;
  auto* coding = find_coding(name);
  if (!coding)
    return std::unexpected(
        BodyFault{415, fmt::format("the body's Content-Encoding is {}; {} are understood", name, kCodings)});
  auto limit = std::min(most, kFreeBytes + kMostRatio * request.body.size());
  auto bytes = unpack(request.body, coding->packing, limit);
  if (!bytes)
    return std::unexpected(
        BodyFault{bytes.error().code == Code::kResourceExhausted ? 413 : 400, bytes.error().message});
  room = std::move(*bytes);
  return room;
}

std::optional<Packing> accepted_packing(std::string_view field) {
  const Coding* best = nullptr;
  while (!field.empty()) {
    auto item = field.substr(0, field.find(','));
    field.remove_prefix(std::min(field.size(), item.size() + 1));
    auto name = trimmed(item.substr(0, item.find(';')));
    auto parameters = name.size() < item.size() && item.contains(';') ? item.substr(item.find(';') + 1) : "";
    auto* coding = find_coding(name);
    if (coding && !is_refused(parameters) && (!best || coding < best)) best = coding;
  }
  return best ? std::optional(best->packing) : std::nullopt;
}

std::optional<Packing> packing_of(const net::Request& request) {
  return accepted_packing(request.header("accept-encoding"));
}

void pack_answer(std::optional<Packing> packing, net::Response& response) {
  if (!packing || response.body.size() < kLeastPacked) return;
  auto packed = pack(response.body, *packing);
  if (packed.size() > response.body.size() / 10 * 9) return;
  response.body = std::move(packed);
  response.headers.emplace_back("Content-Encoding", *packing == Packing::kGzip ? "gzip" : "deflate");
  response.headers.emplace_back("Vary", "Accept-Encoding");
}

}  // namespace millrace::api
