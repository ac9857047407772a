#include "blob/s3/uploads.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/hash.h"
#include "blob/key.h"
#include "blob/parts.h"
#include "blob/s3/objects.h"

namespace millrace::blob {
namespace {

constexpr std::uint64_t kSmallestPart = 5 << 20;  // that S3 joins by itself
constexpr std::uint64_t kPiece = 8 << 20;

std::string part_name(int number) { return fmt::format("{:05}", number); }

// 0 for what is not the object of a part.
int number_of_part(std::string_view name) {
  int number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() ? number : 0;
}

class S3PartWriter final : public Writer {
 public:
  S3PartWriter(Bucket& bucket, std::string folder, Part part)
      : bucket_(bucket),
        folder_(std::move(folder)),
        part_(std::move(part)),
        object_(open_object_writer(bucket, folder_ + part_name(part_.number), {})) {}

  Result<void> append(std::string_view bytes) override {
    TRY(check_more(part_, written_, bytes.size()));
    written_ += bytes.size();
    return object_->append(bytes);
  }

  Result<Stored> finish() override {
    TRY(check_end(part_, written_));
    // A part that comes again is not there until it has come whole.
    TRY(remove_below(bucket_, fmt::format("{}{}-", folder_, part_.number)));
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
  TRY(check_count(parts));
  auto id = ids_.next();
  TRY(bucket_.put(keys_.object(fmt::format(".uploads/{}/upload", id)), fmt::format("{}\n{}", parts, key), {}));
  return id;
}

Result<S3Uploads::Upload> S3Uploads::find(std::string_view id) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = known_.find(id); found != known_.end()) return found->second;
  }
  const auto gone = [&] { return no_such_upload(id); };
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

// A part that came through us has a marker, made after it; one that went straight to the bucket is known by the entity
// tag that the bucket gave it.
Result<std::map<int, Part>> S3Uploads::parts_of(const Upload& upload) {
  std::map<int, Object> bytes;
  std::vector<std::pair<Part, Timestamp>> markers;
  TRY(bucket_.list_all(upload.folder, [&](const Object& object) -> Result<void> {
    const auto name = std::string_view(object.key).substr(upload.folder.size());
    if (auto part = parse_marker(name)) markers.emplace_back(std::move(*part), object.modified);
    if (const int number = number_of_part(name); number > 0) bytes[number] = object;
    return {};
  }));
  std::map<int, Part> parts;
  for (const auto& [number, object] : bytes) parts[number] = {number, object.etag, object.size};
  for (auto& [part, made] : markers) {
    const auto found = bytes.find(part.number);
    if (found != bytes.end() && found->second.size == part.size && made >= found->second.modified)
      parts[part.number] = std::move(part);
  }
  return parts;
}

Result<void> S3Uploads::check_size(const Upload& upload, int number, std::uint64_t size) {
  if (number < 1 || number > upload.parts) return no_such_part(number, upload.parts);
  if (number == upload.parts) return {};
  std::uint64_t known = 0;
  for (const auto& [other, part] : TRY(parts_of(upload)))
    if (other < upload.parts) known = part.size;
  const std::lock_guard lock(mutex_);
  auto& expected = part_sizes_[upload.folder];
  if (expected == 0) expected = known == 0 ? size : known;
  if (expected == size) return {};
  return other_size(number, size, expected);
}

Result<std::unique_ptr<Writer>> S3Uploads::write_part(std::string_view id, int number, std::uint64_t size) {
  const auto upload = TRY(find(id));
  TRY(check_size(upload, number, size));
  return std::make_unique<S3PartWriter>(bucket_, upload.folder, Part{.number = number, .sha256 = {}, .size = size});
}

Result<std::optional<std::string>> S3Uploads::part_address(std::string_view id, int number, Duration lifetime) {
  const auto upload = TRY(find(id));
  if (number < 1 || number > upload.parts) return no_such_part(number, upload.parts);
  return bucket_.presigned("PUT", upload.folder + part_name(number), lifetime);
}

// What the newest object of an upload is older than.
Result<int> S3Uploads::remove_abandoned(Timestamp since) {
  const auto root = keys_.object(".uploads/");
  std::map<std::string, Timestamp> newest;  // by id
  TRY(bucket_.list_all(root, [&](const Object& object) -> Result<void> {
    const auto below = std::string_view(object.key).substr(root.size());
    auto& time = newest[std::string(below.substr(0, below.find('/')))];
    time = std::max(time, object.modified);
    return {};
  }));
  int removed = 0;
  for (const auto& [id, time] : newest) {
    if (time >= since) continue;
    {
      const std::lock_guard lock(mutex_);
      known_.erase(id);
      part_sizes_.erase(fmt::format("{}{}/", root, id));
    }
    TRY(remove_below(bucket_, fmt::format("{}{}/", root, id)));
    ++removed;
  }
  return removed;
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
