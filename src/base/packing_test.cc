#include "base/packing.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace millrace {
namespace {

std::string packed(std::string_view text, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

constexpr int kGzip = MAX_WBITS + 16;

TEST(Packing, WhatWasPackedComesBack) {
  const std::string text(300'000, 'x');
  EXPECT_EQ(unpack(packed(text, kGzip), Packing::kGzip, 1 << 20), text);
  EXPECT_EQ(unpack(packed(text, MAX_WBITS), Packing::kDeflate, 1 << 20), text);
  EXPECT_EQ(unpack(packed(text, -MAX_WBITS), Packing::kDeflate, 1 << 20), text);
  EXPECT_EQ(unpack(packed("", kGzip), Packing::kGzip, 0), "");
}

TEST(Packing, WhatWePackComesBack) {
  std::string text(300'000, 'x');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * i % 251);
  for (const Packing packing : {Packing::kGzip, Packing::kDeflate}) {
    EXPECT_EQ(unpack(pack(text, packing), packing, 1 << 20), text);
    EXPECT_EQ(unpack(pack("", packing), packing, 0), "");
  }
}

TEST(Packing, ABombStopsAtTheLimit) {
  const std::string bomb = packed(std::string(64 << 20, '\0'), kGzip);
  EXPECT_EQ(unpack(bomb, Packing::kGzip, 1 << 20).error().code, Code::kResourceExhausted);
}

TEST(Packing, WhatIsBrokenIsRefused) {
  std::string cut = packed("a text that is cut", kGzip);
  cut.resize(cut.size() - 9);
  for (const std::string& bytes : {std::string(), std::string("no gzip"), cut}) {
    EXPECT_EQ(unpack(bytes, Packing::kGzip, 100).error().code, Code::kInvalidArgument);
    EXPECT_EQ(unpack(bytes, Packing::kDeflate, 100).error().code, Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace millrace
