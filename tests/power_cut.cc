// Stands before a program's fsync (LD_PRELOAD) and remembers what a loss of power would leave: the contents that each
// file had, and the names that each folder had, when it was last synced. In the folder $MILLRACE_POWER_CUT:
//   ID           the synced contents of the file ID
//   ID.entries   the synced names of the folder ID: a line "ID NAME" each
// An ID is an inode and the time of its birth, since inodes are used again. tests/power_cut.py makes a folder of it as
// it would be found after the loss of power.

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace {

constexpr std::size_t kBlock = 1 << 16;
using Block = std::array<char, kBlock>;

std::mutex one_at_a_time;

const char* kept_in() { return std::getenv("MILLRACE_POWER_CUT"); }

struct Descriptor {
  explicit Descriptor(int number) : number(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
  int number;
};

std::string id_of(const struct statx& status) {
  return std::to_string(status.stx_ino) + "." + std::to_string(status.stx_btime.tv_sec) + "." +
         std::to_string(status.stx_btime.tv_nsec);
}

bool look(int folder, const char* name, struct statx& status) {
  const int flags = AT_SYMLINK_NOFOLLOW | (*name == '\0' ? AT_EMPTY_PATH : 0);
  return ::statx(folder, name, flags, STATX_BASIC_STATS | STATX_BTIME, &status) == 0;
}

// /proc's name of a descriptor opens it anew, for reading.
std::string again(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

bool keep_contents(int fd, const std::string& kept) {
  const Descriptor live(::open(again(fd).c_str(), O_RDONLY | O_CLOEXEC));
  const Descriptor synced(::open(kept.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (live.number < 0 || synced.number < 0) return false;
  const auto now = std::make_unique<Block>();
  const auto before = std::make_unique<Block>();
  off_t at = 0;
  while (true) {
    const auto size = ::pread(live.number, now->data(), kBlock, at);
    if (size < 0) return false;
    if (size == 0) break;
    const auto known = ::pread(synced.number, before->data(), kBlock, at);
    const bool same = known == size && std::memcmp(now->data(), before->data(), static_cast<std::size_t>(size)) == 0;
    if (!same && ::pwrite(synced.number, now->data(), static_cast<std::size_t>(size), at) != size) return false;
    at += size;
  }
  return ::ftruncate(synced.number, at) == 0;
}

bool keep_names(int fd, const std::string& kept) {
  const int listed = ::open(again(fd).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* folder = listed < 0 ? nullptr : ::fdopendir(listed);
  if (folder == nullptr) return false;
  std::string lines;
  while (const dirent* entry = ::readdir(folder)) {
    const std::string name = entry->d_name;
    struct statx status;
    if (name != "." && name != ".." && look(listed, entry->d_name, status)) lines += id_of(status) + " " + name + "\n";
  }
  ::closedir(folder);
  const auto unfinished = kept + ".new";
  const Descriptor out(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  return out.number >= 0 && std::cmp_equal(::write(out.number, lines.data(), lines.size()), lines.size()) &&
         ::rename(unfinished.c_str(), kept.c_str()) == 0;
}

int keep(int fd) {
  const std::lock_guard lock(one_at_a_time);
  struct statx status;
  if (!look(fd, "", status)) return -1;
  const auto kept = std::string(kept_in()) + "/" + id_of(status);
  const bool done = S_ISDIR(status.stx_mode) ? keep_names(fd, kept + ".entries") : keep_contents(fd, kept);
  if (done) return 0;
  std::perror("power_cut");
  errno = EIO;
  return -1;
}

int synced(const char* name, int fd) {
  if (kept_in() != nullptr) return keep(fd);
  return reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, name))(fd);
}

}  // namespace

extern "C" int fsync(int fd) { return synced("fsync", fd); }
extern "C" int fdatasync(int fd) { return synced("fdatasync", fd); }
