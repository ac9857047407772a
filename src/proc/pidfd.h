#pragma once

#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/fd.h"

namespace millrace::proc {

// A descriptor that becomes readable when the process ends; empty where there is no such process. The header of glibc
// 2.36 declares pidfd_open for C alone.
inline Fd open_pidfd(pid_t pid) { return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

}  // namespace millrace::proc
