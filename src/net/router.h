#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/access.h"
#include "net/reply.h"
#include "net/request.h"
#include "net/response.h"
#include "net/stream.h"

namespace millrace::net {

// Called on several threads at once. An exception becomes a 500 and a line in the log.
using Handler = std::function<Response(const Request&)>;

// Where a handler runs.
enum class Lane {
  kInline,    // on the thread that read the request; it must neither block nor take long
  kBlocking,  // on the server's pool
  kDeferred,  // begins on the thread that read the request and may answer later, from any thread
};

struct Route {
  std::string method;
  std::string pattern;
  Access access = Access::kUndeclared;
  Handler handler;
  Lane lane = Lane::kBlocking;
  std::size_t body_limit = 0;  // bytes; 0: the server's limit
  std::vector<std::string> param_names;
  DeferredHandler deferred;  // of the lane kDeferred, which has no `handler`
  UploadHandler upload;      // given: the body is streamed, and there is no `handler`
};

// Finds the handler for a method and a path. A pattern is made of literal segments, {name} for one segment that is not
// empty, and at the end {name...} for one or more. A literal wins over {name}, and {name} over {name...}. Filled before
// the server starts, then only read, by many threads. A GET route answers HEAD too.
class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  // A malformed pattern or a route added twice is a bug and aborts.
  void add(std::string_view method, std::string_view pattern, Access access, Handler handler,
           Lane lane = Lane::kBlocking, std::size_t body_limit = 0);
  // A route that does not say who may call it: where there is a guard, nobody.
  void add(std::string_view method, std::string_view pattern, Handler handler, Lane lane = Lane::kBlocking,
           std::size_t body_limit = 0);
  // A route that answers when it can. While it has not, the connection's next requests wait, but no thread does.
  void add_deferred(std::string_view method, std::string_view pattern, Access access, DeferredHandler handler,
                    std::size_t body_limit = 0);
  // A route whose body is streamed to a sink. Bodies have no limit but what the sink refuses.
  void add_upload(std::string_view method, std::string_view pattern, Access access, UploadHandler upload);
  void add_upload(std::string_view method, std::string_view pattern, UploadHandler upload);

  // In the order added.
  const std::vector<std::unique_ptr<Route>>& routes() const { return routes_; }

  // The routes that do not say who may call them, e.g. "GET /api/v1/runs".
  std::vector<std::string> undeclared() const;

  // nullptr where no route answers. `segments` are the decoded parts of the path between slashes; the values of the
  // pattern's names go to `params` and point into the segments.
  const Route* find(std::string_view method, std::span<const std::string_view> segments, PathParams& params) const;

  // The methods that the path answers, e.g. "GET, HEAD, OPTIONS"; "" for a path that no pattern matches.
  std::string allowed(std::span<const std::string_view> segments) const;

 private:
  void add_route(Route route);

  struct Node;
  template <typename Accept>
  struct Search;

  std::vector<std::unique_ptr<Route>> routes_;
  std::unique_ptr<Node> root_;
};

}  // namespace millrace::net
