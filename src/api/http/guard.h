#pragma once

#include <string>
#include <vector>

#include "access/access.h"
#include "access/audit.h"
#include "access/decide.h"
#include "net/guard.h"

namespace millrace::api {

struct GuardRules {
  bool on_loopback = true;                 // the server listens there only
  std::vector<std::string> allowed_hosts;  // further names that it answers to
  bool public_metrics = false;             // GET /metrics without a user
};

// The one place where a request is let in: its Host and Origin, who sends it, and whether that may call the route.
// What was changed is noted in the audit log. While there is no user everything is open, but for what is the server's
// own (users, tokens, the audit log), which only this machine may touch.
class RequestGuard final : public net::Guard {
 public:
  RequestGuard(access::Store& access, access::Audit& audit, const Clock& clock, GuardRules rules)
      : access_(access), audit_(audit), clock_(clock), rules_(std::move(rules)) {}

  Verdict check(net::Request& request, const net::Route* route, net::Response& refusal) override;
  std::optional<net::Response> verify(net::Request& request, const net::Route* route) override;
  void answered(const net::Request& request, const net::Route& route, const net::Response& response) override;
  Verdict check_call(net::Request& request, const net::Route& route, Error& refusal) override;
  Result<void> verify_call(net::Request& request, const net::Route& route) override;
  void answered_call(const net::Request& request, const net::Route& route, const Error* error) override;

 private:
  // Who calls what: kAdmit or kAskPool, or why not.
  Result<Verdict> examine(net::Request& request, const net::Route* route) const;
  Result<void> check_sender(const net::Request& request, const net::Route* route) const;
  void audit(const net::Request& request, const net::Route& route, int status);
  Result<void> prove(net::Request& request, const net::Route* route);
  static Result<void> check_open(const net::Request& request, const net::Route& route);
  static Result<void> authorise(net::Request& request, const net::Route& route, access::PrincipalPtr who);

  access::Store& access_;
  access::Audit& audit_;
  const Clock& clock_;
  const GuardRules rules_;
};

// Who sent a request; null where the server is open, and then whoever it is may do everything.
const access::Principal* caller(const net::Request& request);

}  // namespace millrace::api
