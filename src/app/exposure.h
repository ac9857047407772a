#pragma once

#include <string>

#include "base/result.h"

namespace millrace::app {

// How a server is about to be reachable.
struct Exposure {
  std::string address;
  bool loopback = true;  // of the address
  bool users = false;
  bool tls = false;
  bool allow_anonymous = false;
  bool allow_plaintext = false;
};

// Beyond this machine a server has users and TLS, or it was said that it shall not: kFailedPrecondition says which
// flag or command is missing.
Result<void> check_exposure(const Exposure& exposure);

// What the log says at the start of a server that anybody may use; "" where it has users.
std::string openness(const Exposure& exposure);

}  // namespace millrace::app
