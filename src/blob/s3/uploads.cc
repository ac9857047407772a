#include "blob/s3/uploads.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/hash.h"
#include "blob/key.h"
#include "blob/s3/objects.h"

namespace millrace::blob {
namespace {

constexpr std::uint64_t kSmallestPart = 5 << 20;  // that S3 joins by itself
constexpr std::uint64_t kPiece = 8 << 20;

std::string part_name(int number) { return fmt::format("{:05}", number); }

std::string marker_of(const Part& part) {
  return fmt::format("{}-{}-{}", part_name(part.number), part.size, part.sha256);
}

std::optional<Part> parse_marker(std::string_view name) {
  const auto first = name.find('-');
  const auto second = name.find('-', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
  Part part{.sha256 = std::string(name.substr(second + 1))};
  std::from_chars(name.data(), name.data() + first, part.number);
  std::from_chars(name.data() + first + 1, name.data() + second, part.size);
  return part;
}

class S3PartWriter final : public Writer {
 public:
  S3PartWriter(Bucket& bucket, std::string folder, Part part)
      : bucket_(bucket),
        folder_(std::move(folder)),
        part_(std::move(part)),
        object_(open_object_writer(bucket, folder_ + part_name(part_.number), {})) {}

  Result<void> append(std::string_view bytes) override {
    if (written_ + bytes.size() > part_.size)
      return invalid_argument("part {} has more than the {} bytes that were announced", part_.number, part_.size);
    written_ += bytes.size();
    return object_->append(bytes);
  }

  Result<Stored> finish() override {
    if (written_ != part_.size)
      return invalid_argument("part {} has {} bytes; {} were announced", part_.number, written_, part_.size);
    // A part that comes again is not there until it has come whole.
    TRY(remove_below(bucket_, folder_ + part_name(part_.number) + "-"));
    auto stored = TRY(object_->finish());
    part_.sha256 = stored.sha256;
    TRY(bucket_.put(folder_ + marker_of(part_), {}, {}));
    return stored;
  }

 private:
  Bucket& bucket_;
  const std::string folder_;
  Part part_;
  std::unique_ptr<Writer> object_;
  std::uint64_t written_ = 0;
};

Result<void> check_parts(int count, const std::map<int, Part>& there, std::span<const Part> named) {
  if (std::cmp_not_equal(named.size(), count))
    return invalid_argument("the upload has {} parts, not {}", count, named.size());
  for (int number = 1; number <= count; ++number) {
    const auto found = there.find(number);
    if (found == there.end()) return invalid_argument("part {} of the upload has not come", number);
    const auto part = std::ranges::find(named, number, &Part::number);
    if (part == named.end() || part->sha256 != found->second.sha256)
      return invalid_argument("part {} of the upload is not the one that came", number);
  }
  return {};
}

}  // namespace

Result<void> remove_below(Bucket& bucket, const std::string& prefix) {
  std::vector<std::string> keys;
  TRY(bucket.list_all(prefix, [&](const Object& object) -> Result<void> {
    keys.push_back(object.key);
    return {};
  }));
  for (const auto& key : keys) TRY(bucket.remove(key));
  return {};
}

Result<std::string> S3Uploads::begin(std::string_view key, int parts) {
  TRY(check_key(key));
  if (parts < 1 || parts > kMostParts)
    return invalid_argument("an upload has 1 to {} parts, not {}", kMostParts, parts);
  const auto id = ids_.next();
  TRY(bucket_.put(keys_.object(fmt::format(".uploads/{}/upload", id)), fmt::format("{}\n{}", parts, key), {}));
  return id;
}

Result<S3Uploads::Upload> S3Uploads::find(std::string_view id) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = known_.find(id); found != known_.end()) return found->second;
  }
  const auto gone = [&] { return not_found("upload {} does not exist; it was completed or aborted", id); };
  if (id.empty() || !std::ranges::all_of(id, [](char c) { return std::isxdigit(static_cast<unsigned char>(c)); }))
    return gone();
  Upload upload{.folder = keys_.object(fmt::format(".uploads/{}/", id)), .key = {}};
  auto reader = open_object_reader(bucket_, upload.folder + "upload");
  if (!reader && reader.error().code == Code::kNotFound) return gone();
  if (!reader) return std::unexpected(reader.error());
  std::string text((*reader)->size(), '\0');
  TRY((*reader)->read(0, text));
  const auto line = text.find('\n');
  if (line == std::string::npos) return data_loss("{}upload does not describe an upload", upload.folder);
  std::from_chars(text.data(), text.data() + line, upload.parts);
  upload.key = text.substr(line + 1);
  const std::lock_guard lock(mutex_);
  return known_[std::string(id)] = std::move(upload);
}

Result<std::map<int, Part>> S3Uploads::parts_of(const Upload& upload) {
  std::map<int, Part> parts;
  TRY(bucket_.list_all(upload.folder, [&](const Object& object) -> Result<void> {
    if (auto part = parse_marker(std::string_view(object.key).substr(upload.folder.size())))
      parts[part->number] = std::move(*part);
    return {};
  }));
  return parts;
}

Result<void> S3Uploads::check_size(const Upload& upload, int number, std::uint64_t size) {
  if (number < 1 || number > upload.parts)
    return invalid_argument("part {} is not one of the {} parts of the upload", number, upload.parts);
  if (number == upload.parts) return {};
  std::uint64_t known = 0;
  for (const auto& [other, part] : TRY(parts_of(upload)))
    if (other < upload.parts) known = part.size;
  const std::lock_guard lock(mutex_);
  auto& expected = part_sizes_[upload.folder];
  if (expected == 0) expected = known == 0 ? size : known;
  if (expected == size) return {};
  return invalid_argument("part {} has {} bytes; all but the last have the same size, here {}", number, size, expected);
}

Result<std::unique_ptr<Writer>> S3Uploads::write_part(std::string_view id, int number, std::uint64_t size) {
  const auto upload = TRY(find(id));
  TRY(check_size(upload, number, size));
  return std::make_unique<S3PartWriter>(bucket_, upload.folder, Part{.number = number, .sha256 = {}, .size = size});
}

Result<std::vector<Part>> S3Uploads::list_parts(std::string_view id) {
  std::vector<Part> list;
  for (auto& [number, part] : TRY(parts_of(TRY(find(id))))) list.push_back(std::move(part));
  return list;
}

Result<void> S3Uploads::join_there(const Upload& upload, const std::map<int, Part>& parts) {
  const auto target = keys_.object(upload.key);
  const auto joined = TRY(bucket_.begin_parts(target));
  std::vector<std::string> etags;
  for (const auto& [number, part] : parts) {
    auto etag = bucket_.copy_part(target, joined, number, upload.folder + part_name(number));
    if (!etag) {
      TRY(bucket_.abort_parts(target, joined));
      return std::unexpected(etag.error());
    }
    etags.push_back(std::move(*etag));
  }
  return bucket_.complete_parts(target, joined, etags);
}

Result<Stored> S3Uploads::join_here(const Upload& upload, const std::map<int, Part>& parts) {
  auto writer = open_object_writer(bucket_, keys_.object(upload.key), uri_of(upload.key));
  for (const auto& [number, part] : parts) {
    auto reader = TRY(open_object_reader(bucket_, upload.folder + part_name(number)));
    std::string piece(std::min(kPiece, part.size), '\0');
    for (std::uint64_t offset = 0; offset < part.size;) {
      const auto count = TRY(reader->read(offset, piece));
      TRY(writer->append(std::string_view(piece).substr(0, count)));
      offset += count;
    }
  }
  return writer->finish();
}

Result<Stored> S3Uploads::complete(std::string_view id, std::span<const Part> named) {
  const auto upload = TRY(find(id));
  const auto parts = TRY(parts_of(upload));
  TRY(check_parts(upload.parts, parts, named));
  Stored stored{.uri = uri_of(upload.key), .sha256 = {}};
  for (const auto& [number, part] : parts) stored.size += part.size;
  const bool large = std::ranges::all_of(
      parts, [&](const auto& part) { return part.first == upload.parts || part.second.size >= kSmallestPart; });
  if (large && upload.parts > 1)
    TRY(join_there(upload, parts));
  else
    stored = TRY(join_here(upload, parts));
  TRY(abort(id));
  return stored;
}

Result<void> S3Uploads::abort(std::string_view id) {
  const auto upload = TRY(find(id));
  {
    const std::lock_guard lock(mutex_);
    known_.erase(known_.find(id));
    part_sizes_.erase(upload.folder);
  }
  return remove_below(bucket_, upload.folder);
}

}  // namespace millrace::blob
