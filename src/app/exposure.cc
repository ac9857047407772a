#include "app/exposure.h"

namespace millrace::app {

Result<void> check_exposure(const Exposure& exposure) {
  if (exposure.loopback) return {};
  if (!exposure.users && !exposure.allow_anonymous) {
    return fail(Code::kFailedPrecondition,
                "listening on {} without users would let anybody do everything; make one with `millrace user create "
                "NAME --admin --home DIR`, or add --allow-anonymous",
                exposure.address);
  }
  if (!exposure.tls && !exposure.allow_plaintext) {
    return fail(Code::kFailedPrecondition,
                "listening on {} without TLS would let the network read passwords and data; add --tls-cert and "
                "--tls-key, or --allow-plaintext where something in front does it",
                exposure.address);
  }
  return {};
}

std::string openness(const Exposure& exposure) {
  if (exposure.users) return "";
  if (exposure.loopback) {
    return "the server is open to everybody on this machine: it has no users; `millrace user create NAME --admin` "
           "makes the first";
  }
  return "the server is open to everybody who reaches it: it has no users, and --allow-anonymous was given";
}

}  // namespace millrace::app
