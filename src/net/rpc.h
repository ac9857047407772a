#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "net/connection.h"
#include "net/request.h"
#include "net/router.h"

namespace millrace::net {

class Mailbox;
class RpcSession;
struct RpcStream;

// A message of a gRPC call as its handler sees it. The views are valid only while the handler runs.
struct RpcCall {
  const Request& request;               // who calls what; the call's metadata are its header fields. It has no body
  std::string_view message;             // protobuf
  std::optional<Moment> deadline = {};  // the caller waits no longer
};

// The message that answers; or the status that the call ends with. Codes are gRPC's.
using RpcAnswer = Result<std::string>;

// Called on several threads at once. An exception becomes INTERNAL and a line in the log.
using RpcHandler = std::function<RpcAnswer(const RpcCall&)>;

// The way back for the answer to a deferred message; see Reply.
class RpcReply {
 public:
  RpcReply(std::shared_ptr<Mailbox> mailbox, RpcSession& session, RpcStream& stream)
      : mailbox_(std::move(mailbox)), session_(&session), stream_(&stream) {}
  ~RpcReply();
  RpcReply(RpcReply&&) noexcept = default;
  RpcReply& operator=(RpcReply&&) = delete;

  void operator()(RpcAnswer answer);

 private:
  std::shared_ptr<Mailbox> mailbox_;  // null once called
  RpcSession* session_;               // both are there as long as the mailbox takes mail
  RpcStream* stream_;
};

// Called on the thread that read the message; it must neither block nor take long, and may answer later.
using DeferredRpcHandler = std::function<void(const RpcCall&, RpcReply)>;

enum class RpcShape {
  kUnary,     // one message, one answer
  kExchange,  // messages in a stream, each answered by one, in order
  kWatch,     // one message, answered at once and again whenever the answer has become another
};

struct RpcMethod {
  Route route;  // its path, its lane and who may call it
  RpcShape shape = RpcShape::kUnary;
  RpcHandler handler;
  DeferredRpcHandler deferred;  // of the lane kDeferred, which has no `handler`
};

// The methods that a server answers. Filled before the server starts, then only read, by many threads.
class RpcRouter {
 public:
  // `service` with its package: "inference.GRPCInferenceService". A method added twice is a bug and aborts.
  void add(std::string_view service, std::string_view method, Access access, RpcHandler handler,
           Lane lane = Lane::kBlocking, RpcShape shape = RpcShape::kUnary);
  void add_deferred(std::string_view service, std::string_view method, Access access, DeferredRpcHandler handler,
                    RpcShape shape = RpcShape::kUnary);

  // By its path, "/SERVICE/METHOD"; null where there is none.
  const RpcMethod* find(std::string_view path) const;

 private:
  void add_method(std::string_view service, std::string_view name, RpcMethod method);

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, std::unique_ptr<RpcMethod>, Hash, std::equal_to<>> methods_;
};

}  // namespace millrace::net
