#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <map>
#include <mutex>
#include <optional>

#include "blob/durable.h"
#include "blob/local_folder.h"
#include "blob/parts.h"

namespace millrace::blob {

namespace fs = std::filesystem;

namespace {

// One upload: a folder of .uploads with
//   key             the key that it is for, and the number of its parts
//   data            the parts at their offsets, as far as they have come
//   last            the last part, where it came before the size of the others was known
//   NUMBER-SIZE-SHA256  empty; this part is there, and durable once the folder is synced
// Thread-safe.
class LocalUpload {
 public:
  LocalUpload(fs::path folder, std::string key, int parts)
      : folder_(std::move(folder)), key_(std::move(key)), count_(parts) {}

  static Result<std::shared_ptr<LocalUpload>> load(const fs::path& folder);

  const std::string& key() const { return key_; }
  const fs::path& folder() const { return folder_; }
  std::vector<Part> parts() const;

  // Where a part of this size begins; none: it is the last one and the size of the others is not known yet.
  Result<std::optional<std::uint64_t>> begin_part(int number, std::uint64_t size);
  Result<void> end_part(const Part& part);
  Result<Stored> complete(LocalFolder& store, std::span<const Part> parts);

  fs::path data() const { return folder_ / "data"; }
  fs::path last() const { return folder_ / "last"; }

 private:
  fs::path marker(const Part& part) const { return folder_ / marker_of(part); }
  Result<void> append_last(int fd) const;
  void hash_ahead();
  Result<void> hash_part(int fd, const Part& part);
  void forget_hashes() {
    hasher_ = Hasher();
    hashed_.clear();
  }

  const fs::path folder_;
  const std::string key_;
  const int count_;

  mutable std::mutex mutex_;
  std::map<int, Part> parts_;
  std::uint64_t part_size_ = 0;  // of all but the last; 0: not known yet

  // The checksum of the whole, as far as the parts are there in a row.
  std::mutex hash_mutex_;
  Hasher hasher_;
  std::vector<std::string> hashed_;  // the parts' checksums
};

Timestamp modified_time(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_mtim.tv_sec * std::int64_t{1'000'000} + status.st_mtim.tv_nsec / 1000};
}

Result<std::shared_ptr<LocalUpload>> LocalUpload::load(const fs::path& folder) {
  const std::string text = TRY(read_file(folder / "key"));
  const auto line = text.find('\n');
  int parts = 0;
  if (line != std::string::npos) std::from_chars(text.data(), text.data() + line, parts);
  if (parts < 1) return data_loss("{} does not describe an upload", (folder / "key").string());
  auto upload = std::make_shared<LocalUpload>(folder, text.substr(line + 1), parts);
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const auto part = parse_marker(it->path().filename().string());
    if (!part) continue;
    upload->parts_[part->number] = *part;
    if (part->number < parts) upload->part_size_ = part->size;
  }
  return upload;
}

std::vector<Part> LocalUpload::parts() const {
  const std::lock_guard lock(mutex_);
  std::vector<Part> list;
  for (const auto& [number, part] : parts_) list.push_back(part);
  return list;
}

// A part that comes again is not there until it has come whole.
Result<std::optional<std::uint64_t>> LocalUpload::begin_part(int number, std::uint64_t size) {
  if (number < 1 || number > count_) return no_such_part(number, count_);
  const std::lock_guard lock(mutex_);
  if (number < count_ && part_size_ == 0) part_size_ = size;
  if (number < count_ && part_size_ != size) return other_size(number, size, part_size_);
  if (const auto known = parts_.find(number); known != parts_.end()) {
    std::error_code ignored;
    fs::remove(marker(known->second), ignored);
    parts_.erase(known);
  }
  if (number > 1 && part_size_ == 0) return std::nullopt;
  std::error_code ignored;
  if (number == count_) fs::remove(last(), ignored);
  return static_cast<std::uint64_t>(number - 1) * part_size_;
}

Result<void> LocalUpload::end_part(const Part& part) {
  TRY(open_for_writing(marker(part)));
  {
    const std::lock_guard lock(mutex_);
    parts_[part.number] = part;
  }
  hash_ahead();
  return {};
}

// Reads what was just written, and is still in memory, so that the end need not read all. One thread does it for all.
void LocalUpload::hash_ahead() {
  const std::unique_lock one(hash_mutex_, std::try_to_lock);
  if (!one) return;
  const Fd fd(::open(data().c_str(), O_RDONLY | O_CLOEXEC));
  while (fd) {
    const int next = static_cast<int>(hashed_.size()) + 1;
    std::optional<Part> part;
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = parts_.find(next); found != parts_.end() && next < count_) part = found->second;
    }
    if (!part || !hash_part(fd.get(), *part)) return;
  }
}

Result<void> LocalUpload::hash_part(int fd, const Part& part) {
  std::vector<char> buffer(1 << 20);
  std::uint64_t offset = static_cast<std::uint64_t>(part.number - 1) * part_size_;
  const std::uint64_t end = offset + part.size;
  Hasher check;
  Hasher* const both[] = {&hasher_, &check};
  while (offset < end) {
    const auto count =
        ::pread(fd, buffer.data(), std::min<std::uint64_t>(buffer.size(), end - offset), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      forget_hashes();
      return data_loss("part {} of the upload of {} cannot be read", part.number, key_);
    }
    for (auto* hasher : both) hasher->add({buffer.data(), static_cast<std::size_t>(count)});
    offset += static_cast<std::uint64_t>(count);
  }
  hashed_.push_back(check.finish());
  return {};
}

Result<void> LocalUpload::append_last(int fd) const {
  std::error_code error;
  if (!fs::exists(last(), error)) return {};
  const auto offset = static_cast<std::uint64_t>(count_ - 1) * part_size_;
  return write_at(fd, offset, TRY(read_file(last())), last());
}

Result<Stored> LocalUpload::complete(LocalFolder& store, std::span<const Part> parts) {
  const std::lock_guard one(hash_mutex_);
  const std::lock_guard lock(mutex_);
  TRY(check_parts(count_, parts_, parts));
  TRY(store.check_target(key_));
  const Fd fd = TRY(open_for_writing(data()));
  TRY(append_last(fd.get()));
  const auto in_row = [&](std::size_t i) { return hashed_[i] == parts_.at(static_cast<int>(i) + 1).sha256; };
  for (std::size_t i = 0; i < hashed_.size(); ++i) {
    if (in_row(i)) continue;  // a part came again, with other bytes
    forget_hashes();
  }
  std::uint64_t size = 0;
  for (const auto& [number, part] : parts_) {
    size += part.size;
    if (std::cmp_greater(number, hashed_.size())) TRY(hash_part(fd.get(), part));
    if (!in_row(hashed_.size() - 1)) return data_loss("part {} of the upload of {} was damaged", number, key_);
  }
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) return std::unexpected(errno_error("write", data()));
  return store.keep(fd.get(), data(), key_, size, hasher_.finish());
}

class PartWriter final : public Writer {
 public:
  PartWriter(std::shared_ptr<LocalUpload> upload, int number, std::uint64_t size)
      : upload_(std::move(upload)), part_{.number = number, .size = size} {}

  Result<void> open() {
    const auto offset = TRY(upload_->begin_part(part_.number, part_.size));
    path_ = offset ? upload_->data() : upload_->last();
    begin_ = offset.value_or(0);
    file_ = TRY(open_for_writing(path_));
    return {};
  }

  Result<void> append(std::string_view bytes) override {
    TRY(check_more(part_, written_, bytes.size()));
    TRY(write_at(file_.get(), begin_ + written_, bytes, path_));
    written_ += bytes.size();
    hasher_.add(bytes);
    return {};
  }

  Result<Stored> finish() override {
    TRY(check_end(part_, written_));
    part_.sha256 = hasher_.finish();
    if (::fdatasync(file_.get()) != 0) return std::unexpected(errno_error("sync", path_));
    TRY(upload_->end_part(part_));
    return Stored{.size = part_.size, .sha256 = part_.sha256};
  }

 private:
  const std::shared_ptr<LocalUpload> upload_;
  Part part_;
  fs::path path_;
  std::uint64_t begin_ = 0;
  std::uint64_t written_ = 0;
  Fd file_;
  Hasher hasher_;
};

class LocalUploads final : public Uploads {
 public:
  explicit LocalUploads(LocalFolder& folder) : store_(folder), folder_(folder.root() / ".uploads") {}

  // What an earlier process began can go on.
  Result<void> prepare() {
    TRY(make_directories(folder_));
    std::error_code error;
    for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
      if (auto upload = LocalUpload::load(it->path())) uploads_[it->path().filename().string()] = std::move(*upload);
    }
    return {};
  }

  Result<std::string> begin(std::string_view key, int parts) override {
    TRY(store_.check_target(key));
    TRY(check_count(parts));
    std::string folder = (folder_ / "XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) return std::unexpected(errno_error("make", folder));
    TRY(write_file(fs::path(folder) / "key", fmt::format("{}\n{}", parts, key)));
    TRY(sync_path(folder_));
    std::string id = fs::path(folder).filename().string();
    const std::lock_guard lock(mutex_);
    uploads_[id] = std::make_shared<LocalUpload>(folder, std::string(key), parts);
    return id;
  }

  Result<std::unique_ptr<Writer>> write_part(std::string_view upload, int number, std::uint64_t size) override {
    auto writer = std::make_unique<PartWriter>(TRY(find(upload)), number, size);
    TRY(writer->open());
    return writer;
  }

  Result<std::optional<std::string>> part_address(std::string_view, int, Duration) override { return std::nullopt; }

  Result<std::vector<Part>> list_parts(std::string_view upload) override { return TRY(find(upload))->parts(); }

  Result<Stored> complete(std::string_view upload, std::span<const Part> parts) override {
    auto stored = TRY(TRY(find(upload))->complete(store_, parts));
    TRY(abort(upload));
    return stored;
  }

  Result<void> abort(std::string_view upload) override {
    const auto found = TRY(find(upload));
    {
      const std::lock_guard lock(mutex_);
      uploads_.erase(std::string(upload));
    }
    return remove_tree(found->folder());
  }

  Result<int> remove_abandoned(Timestamp since) override {
    std::vector<std::string> abandoned;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [id, upload] : uploads_) {
        const Timestamp newest = std::max(modified_time(upload->folder()), modified_time(upload->data()));
        if (newest < since) abandoned.push_back(id);
      }
    }
    for (const std::string& id : abandoned) TRY(abort(id));
    return static_cast<int>(abandoned.size());
  }

 private:
  Result<std::shared_ptr<LocalUpload>> find(std::string_view id) const {
    const std::lock_guard lock(mutex_);
    const auto found = uploads_.find(id);
    if (found == uploads_.end()) return no_such_upload(id);
    return found->second;
  }

  LocalFolder& store_;
  const fs::path folder_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<LocalUpload>, std::less<>> uploads_;
};

}  // namespace

Result<std::unique_ptr<Uploads>> open_local_uploads(LocalFolder& folder) {
  auto uploads = std::make_unique<LocalUploads>(folder);
  TRY(uploads->prepare());
  return uploads;
}

}  // namespace millrace::blob
