#pragma once

#include <optional>

#include "base/result.h"
#include "net/request.h"
#include "net/response.h"
#include "net/router.h"

namespace millrace::net {

// Decides who may call what, before a byte of a request's body is read. Called on several threads at once; outlives
// the server.
class Guard {
 public:
  enum class Verdict {
    kAdmit,
    kRefuse,
    kAskPool,  // it takes long to know: verify() is asked
  };

  virtual ~Guard() = default;

  // On the thread that read the header, so it neither blocks nor takes long. `route` is null where none answers the
  // path. Notes in the request who sent it; fills in `refusal` for kRefuse.
  virtual Verdict check(Request& request, const Route* route, Response& refusal) = 0;

  // On the pool: the refusal, or none and the request is admitted.
  virtual std::optional<Response> verify(Request& request, const Route* route) = 0;

  // On the pool, after the handler of a blocking route or an upload and before its answer is sent. It is not told of
  // inline and deferred routes.
  virtual void answered(const Request& request, const Route& route, const Response& response) = 0;

  // The same questions about gRPC calls, whose refusals are statuses.
  virtual Verdict check_call(Request& request, const Route& route, Error& refusal) = 0;
  virtual Result<void> verify_call(Request& request, const Route& route) = 0;
  // `error` is null where the call was answered.
  virtual void answered_call(const Request& request, const Route& route, const Error* error) = 0;
};

}  // namespace millrace::net
