#pragma once

#include <functional>
#include <memory>

#include "net/response.h"

namespace millrace::net {

class Mailbox;
class Session;
struct Request;

// The way back for the answer to a deferred request. It is called once, at once or later, on any thread; at once, from
// within the handler, the answer is sent as an inline one. Where the client has gone or the server has stopped
// meanwhile the answer is dropped. Destroyed without having been called, it answers 500, so that no client waits in
// vain.
class Reply {
 public:
  Reply(std::shared_ptr<Mailbox> mailbox, Session& session) : mailbox_(std::move(mailbox)), session_(&session) {}
  ~Reply();
  Reply(Reply&&) noexcept = default;
  Reply& operator=(Reply&&) = delete;

  void operator()(Response response);

 private:
  std::shared_ptr<Mailbox> mailbox_;  // null once called
  Session* session_;                  // there as long as the mailbox takes mail
};

// Called on the thread that read the request, like an inline handler: it must neither block nor take long. The
// request's views are valid only during the call, so what is answered later keeps copies.
using DeferredHandler = std::function<void(const Request&, Reply)>;

}  // namespace millrace::net
