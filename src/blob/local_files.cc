#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "blob/local_folder.h"

namespace millrace::blob {

namespace fs = std::filesystem;

namespace {

class LocalWriter final : public Writer {
 public:
  LocalWriter(LocalFolder& folder, std::string_view key) : folder_(folder), key_(key), staged_(folder.stage()) {}

  Result<void> open() {
    file_ = TRY(open_for_writing(staged_.path));
    return {};
  }

  Result<void> append(std::string_view bytes) override {
    TRY(write_at(file_.get(), size_, bytes, staged_.path));
    size_ += bytes.size();
    hasher_.add(bytes);
    return {};
  }

  Result<Stored> finish() override {
    TRY(folder_.check_target(key_));
    return folder_.keep(file_.get(), staged_.path, key_, size_, hasher_.finish());
  }

 private:
  LocalFolder& folder_;
  const std::string key_;
  Staged staged_;
  Fd file_;
  Hasher hasher_;
  std::uint64_t size_ = 0;
};

class LocalReader final : public Reader {
 public:
  LocalReader(Fd file, fs::path path, std::uint64_t size)
      : file_(std::move(file)), path_(std::move(path)), size_(size) {}

  std::uint64_t size() const override { return size_; }

  Result<std::size_t> read(std::uint64_t offset, std::span<char> into) override {
    std::size_t filled = 0;
    while (filled < into.size()) {
      const auto count =
          ::pread(file_.get(), into.data() + filled, into.size() - filled, static_cast<off_t>(offset + filled));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return std::unexpected(errno_error("read", path_));
      if (count == 0) break;
      filled += static_cast<std::size_t>(count);
    }
    return filled;
  }

 private:
  const Fd file_;
  const fs::path path_;
  const std::uint64_t size_;
};

}  // namespace

Result<std::unique_ptr<Writer>> open_local_writer(LocalFolder& folder, std::string_view key) {
  TRY(folder.check_target(key));
  auto writer = std::make_unique<LocalWriter>(folder, key);
  TRY(writer->open());
  return writer;
}

Result<std::unique_ptr<Reader>> open_local_reader(const fs::path& path) {
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0) return std::unexpected(errno_error("read", path));
  if (!S_ISREG(status.st_mode)) return not_found("{} is not a file", path.filename().string());
  ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::make_unique<LocalReader>(std::move(file), path, static_cast<std::uint64_t>(status.st_size));
}

}  // namespace millrace::blob
