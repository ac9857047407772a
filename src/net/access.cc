#include "net/access.h"

namespace millrace::net {

std::string_view to_text(Access access) {
  switch (access) {
    case Access::kUndeclared:
      return "undeclared";
    case Access::kPublic:
      return "public";
    case Access::kSignedIn:
      return "signed_in";
    case Access::kPredict:
      return "predict";
    case Access::kRead:
      return "read";
    case Access::kRecord:
      return "record";
    case Access::kWrite:
      return "write";
    case Access::kDeploy:
      return "deploy";
    case Access::kAdmin:
      return "admin";
    case Access::kServer:
      return "server";
  }
  return "undeclared";
}

}  // namespace millrace::net
