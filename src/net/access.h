#pragma once

#include <string_view>

namespace millrace::net {

// What a route asks of who calls it; every route says it. Who may do what is decided by the server's guard
// (net/guard.h); without one, all is open.
enum class Access {
  kUndeclared,  // a route that says nothing is closed to everybody
  kPublic,      // anybody, unknown callers too
  kSignedIn,    // anybody who is known, whatever the role
  kPredict,     // asks an endpoint, or for online features
  kRead,
  kRecord,  // adds measurements, one of very many: metrics, traces, labels, rows. Not in the audit log
  kWrite,   // makes, changes or deletes something
  kDeploy,  // changes what is served or runs by itself: aliases, the project, triggers, the clock
  kAdmin,   // what only a project's admin may
  kServer,  // what only an admin of the whole server may: users, their tokens, the audit log
};

// "read"
std::string_view to_text(Access access);

}  // namespace millrace::net
