#include "proc/guard.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>

#include "proc/launch.h"

namespace millrace::proc {
namespace {

constexpr const char* kScript = R"sh(
groups=" "
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) case $groups in
         *" $group "*) groups="${groups%% $group *} ${groups#* $group }" ;;
       esac ;;
  esac
done
for group in $groups; do
  kill -s KILL -- "-$group" 2>/dev/null
done
)sh";

// "+ 1234\n", without memory or locks: a forked child calls it.
void send_line(int socket, char sign, pid_t group) noexcept {
  std::array<char, 24> line;
  auto* at = line.data() + line.size();
  *--at = '\n';
  for (auto rest = group; rest > 0; rest /= 10) *--at = static_cast<char>('0' + rest % 10);
  *--at = ' ';
  *--at = sign;
  while (::send(socket, at, static_cast<std::size_t>(line.data() + line.size() - at), MSG_NOSIGNAL) < 0 &&
         errno == EINTR) {
  }
}

}  // namespace

Result<std::shared_ptr<Guard>> Guard::open() {
  std::array<int, 2> ends;
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return launch_error("a guard", "", errno);
  Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  std::array<const char*, 4> argv{"millrace-guard", "-c", kScript, nullptr};
  const auto pid =
      TRY(launch({.program = "/bin/sh", .argv = argv.data(), .envp = environ, .standard_input = theirs.get()}));
  return std::shared_ptr<Guard>(new Guard(std::move(ours), pid));
}

Guard::~Guard() {
  socket_.reset();
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void Guard::send_begin(int socket, pid_t group) noexcept { send_line(socket, '+', group); }

void Guard::end(pid_t group) noexcept { send_line(socket_.get(), '-', group); }

}  // namespace millrace::proc
