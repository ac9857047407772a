#include "blob/s3/objects.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>
#include <vector>

#include "base/hash.h"

namespace millrace::blob {
namespace {

constexpr std::size_t kPart = 8 << 20;
constexpr std::size_t kReadAhead = 4 << 20;

// An object has 10 000 parts at most; larger ones make half a terabyte of them.
std::size_t part_size(std::size_t parts) { return kPart << (parts / 2000); }

class ObjectWriter final : public Writer {
 public:
  ObjectWriter(Bucket& bucket, std::string key, std::string uri)
      : bucket_(bucket), key_(std::move(key)), uri_(std::move(uri)) {}

  // A part that was sent but never made an object is S3's to keep until it is told otherwise.
  ~ObjectWriter() override {
    if (!upload_.empty()) std::ignore = bucket_.abort_parts(key_, upload_);
  }

  Result<void> append(std::string_view bytes) override {
    hasher_.add(bytes);
    size_ += bytes.size();
    while (!bytes.empty()) {
      if (buffer_.size() == part_size(etags_.size())) TRY(send_part());
      const auto count = std::min(bytes.size(), part_size(etags_.size()) - buffer_.size());
      buffer_ += bytes.substr(0, count);
      bytes.remove_prefix(count);
    }
    return {};
  }

  Result<Stored> finish() override {
    const std::string checksum = hasher_.finish();
    if (upload_.empty()) {
      TRY(bucket_.put(key_, buffer_, checksum));
    } else {
      TRY(send_part());
      TRY(bucket_.complete_parts(key_, upload_, etags_));
      upload_.clear();
    }
    return Stored{.uri = uri_, .size = size_, .sha256 = checksum};
  }

 private:
  Result<void> send_part() {
    if (upload_.empty()) upload_ = TRY(bucket_.begin_parts(key_));
    etags_.push_back(TRY(bucket_.put_part(key_, upload_, static_cast<int>(etags_.size()) + 1, buffer_)));
    buffer_.clear();
    return {};
  }

  Bucket& bucket_;
  const std::string key_;
  const std::string uri_;
  std::string upload_;  // "" while one request may do
  std::vector<std::string> etags_;
  std::string buffer_;
  std::uint64_t size_ = 0;
  Hasher hasher_;
};

class ObjectReader final : public Reader {
 public:
  ObjectReader(Bucket& bucket, Object object) : bucket_(bucket), object_(std::move(object)) {}

  std::uint64_t size() const override { return object_.size; }

  Result<std::size_t> read(std::uint64_t offset, std::span<char> into) override {
    const auto left = object_.size - std::min(offset, object_.size);
    const auto count = std::min<std::uint64_t>(into.size(), left);
    std::size_t done = 0;
    const std::lock_guard lock(mutex_);
    while (done < count) {
      const auto at = offset + done;
      if (at < begin_ || at >= begin_ + piece_.size()) TRY(fetch(at, count - done));
      const auto here = std::min<std::size_t>(count - done, begin_ + piece_.size() - at);
      std::memcpy(into.data() + done, piece_.data() + (at - begin_), here);
      done += here;
    }
    return done;
  }

 private:
  // More than was asked for, since what follows is mostly asked for next.
  Result<void> fetch(std::uint64_t offset, std::uint64_t least) {
    const auto wanted = std::min(std::max<std::uint64_t>(least, kReadAhead), object_.size - offset);
    piece_ = TRY(bucket_.get(object_.key, object_.etag, offset, wanted));
    begin_ = offset;
    if (piece_.size() != wanted)
      return data_loss("S3 answered {} bytes of {} where {} were asked for", piece_.size(), object_.key, wanted);
    return {};
  }

  Bucket& bucket_;
  const Object object_;
  std::mutex mutex_;
  std::string piece_;  // the bytes from begin_ on that were fetched last
  std::uint64_t begin_ = 0;
};

}  // namespace

std::unique_ptr<Writer> open_object_writer(Bucket& bucket, std::string key, std::string uri) {
  return std::make_unique<ObjectWriter>(bucket, std::move(key), std::move(uri));
}

Result<std::unique_ptr<Reader>> open_object_reader(Bucket& bucket, const std::string& key) {
  return std::make_unique<ObjectReader>(bucket, TRY(bucket.head(key)));
}

}  // namespace millrace::blob
