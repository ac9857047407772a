#pragma once

#include <string>
#include <string_view>

namespace millrace {

// Who this thread works for: the user, token's owner or step whose request it serves; "" for nobody in particular, such
// as the server itself. The server's session says so before it calls a handler, so that what is recorded deep below can
// name who did it without every function between passing it on (decision 0024).
std::string_view acting_for();

// Says so until it is destroyed; then it is as before.
class ActingFor {
 public:
  explicit ActingFor(std::string_view who);
  ~ActingFor();
  ActingFor(const ActingFor&) = delete;
  ActingFor& operator=(const ActingFor&) = delete;

 private:
  std::string before_;
};

}  // namespace millrace
