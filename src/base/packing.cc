#include "base/packing.h"

#include <zlib.h>

#include <algorithm>
#include <new>

namespace millrace {

namespace {

constexpr std::size_t kPiece = 64 << 10;
constexpr int kWithGzipHeader = MAX_WBITS + 16;
constexpr int kWithZlibHeader = MAX_WBITS;
constexpr int kWithoutHeader = -MAX_WBITS;

class Inflater {
 public:
  explicit Inflater(int window_bits) { ready_ = inflateInit2(&stream_, window_bits) == Z_OK; }
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  Result<std::string> run(std::string_view bytes, std::size_t most) {
    if (!ready_) return internal_error("zlib does not start");
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    std::string out;
    int status = Z_OK;
    while (status == Z_OK) {
      const std::size_t done = out.size();
      if (done > most) return fail(Code::kResourceExhausted, "the body unpacks to more than {} bytes", most);
      out.resize(done + kPiece);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + done);
      stream_.avail_out = kPiece;
      status = inflate(&stream_, Z_NO_FLUSH);
      out.resize(out.size() - stream_.avail_out);
    }
    if (status != Z_STREAM_END) return invalid_argument("the body is not what its Content-Encoding says");
    if (out.size() > most) return fail(Code::kResourceExhausted, "the body unpacks to more than {} bytes", most);
    return out;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

}  // namespace

std::string pack(std::string_view bytes, Packing packing) {
  z_stream stream{};
  const int window_bits = packing == Packing::kGzip ? kWithGzipHeader : kWithZlibHeader;
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, window_bits, MAX_MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);  // the bound holds it in one call
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

Result<std::string> unpack(std::string_view bytes, Packing packing, std::size_t most) {
  if (packing == Packing::kGzip) return Inflater(kWithGzipHeader).run(bytes, most);
  auto unpacked = Inflater(kWithZlibHeader).run(bytes, most);
  const bool other = !unpacked && unpacked.error().code == Code::kInvalidArgument;
  return other ? Inflater(kWithoutHeader).run(bytes, most) : std::move(unpacked);
}

}  // namespace millrace
