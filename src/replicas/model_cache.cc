#include "replicas/model_cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"
#include "base/files.h"
#include "base/hash.h"

namespace millrace::replicas {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPiece = std::size_t{4} << 20;

std::string name_of(const ModelFile& file) { return fmt::format("{} ({})", file.path, file.sha256.substr(0, 12)); }

Result<void> write_all(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(errno_error("write", path));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> move_into_place(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) return unavailable("cannot rename {} to {}: {}", from.string(), to.string(), error.message());
  return sync_path(to.parent_path());
}

Result<void> link(const fs::path& file, const fs::path& to) {
  TRY(make_directories(to.parent_path()));
  std::error_code error;
  fs::create_hard_link(file, to, error);
  if (error) return unavailable("cannot make {}: {}", to.string(), error.message());
  return {};
}

}  // namespace

Result<ModelCache> ModelCache::open(fs::path root, Fetch fetch) {
  TRY(remove_tree(root / "tmp"));
  for (const auto* folder : {"content", "models", "tmp"}) TRY(make_directories(root / folder));
  return ModelCache(std::move(root), std::move(fetch));
}

Result<fs::path> ModelCache::folder(const std::vector<ModelFile>& files) {
  const std::string digest = digest_of(files);
  const fs::path path = root_ / "models" / digest;
  std::error_code error;
  if (fs::is_directory(path, error)) return path;
  TRY(check_room(files));
  for (const ModelFile& file : files) TRY(ensure(file));
  const fs::path made = root_ / "tmp" / digest;
  TRY(remove_tree(made));
  TRY(assemble(files, made));
  TRY(move_into_place(made, path));
  return path;
}

// Before anything is fetched: a disk that is filled to the brim is of no use to the prediction log either.
Result<void> ModelCache::check_room(const std::vector<ModelFile>& files) const {
  std::uint64_t missing = 0;
  std::error_code error;
  for (const ModelFile& file : files)
    if (!fs::exists(content(file), error)) missing += file.size;
  const auto space = fs::space(root_, error);
  if (error || space.available >= missing) return {};
  return fail(Code::kResourceExhausted, "a model of {} bytes has no room in {}, where {} bytes are free", missing,
              root_.string(), space.available);
}

Result<void> ModelCache::ensure(const ModelFile& file) {
  std::error_code error;
  if (fs::exists(content(file), error)) return {};
  const fs::path made = root_ / "tmp" / file.sha256;
  auto fetched = download(file, made);
  if (fetched) return move_into_place(made, content(file));
  fs::remove(made, error);
  return std::unexpected(Error(fetched.error()).in(name_of(file)));
}

// Never writes more than was announced.
Result<void> ModelCache::download(const ModelFile& file, const fs::path& to) {
  const Fd out(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!out) return std::unexpected(errno_error("create", to));
  Hasher hasher;
  for (std::uint64_t at = 0; at < file.size;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, file.size - at));
    const std::string piece = TRY(fetch_(file, at, wanted));
    if (piece.empty() || piece.size() > wanted)
      return data_loss("{} bytes came where {} were asked for", piece.size(), wanted);
    hasher.add(piece);
    TRY(write_all(out.get(), piece, to));
    at += piece.size();
  }
  if (hasher.finish() != file.sha256) return data_loss("its bytes have another SHA-256");
  return sync_path(to);
}

Result<void> ModelCache::assemble(const std::vector<ModelFile>& files, const fs::path& to) const {
  TRY(make_directories(to));
  for (const ModelFile& file : files) TRY(link(content(file), to / file.path));
  return {};
}

Result<void> ModelCache::keep_only(const std::set<std::string>& digests) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root_ / "models", error))
    if (!digests.contains(entry.path().filename().string())) TRY(remove_tree(entry.path()));
  for (const auto& entry : fs::directory_iterator(root_ / "content", error))
    if (fs::hard_link_count(entry.path(), error) == 1) fs::remove(entry.path(), error);
  return {};
}

}  // namespace millrace::replicas
