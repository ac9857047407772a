#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/http/services.h"
#include "api/mlflow/input.h"
#include "base/json_writer.h"
#include "net/router.h"

namespace millrace::api::mlflow {

using net::Access;

// What a handler answers under 200: the text of a JSON object, protobuf's way (what is unset is left out).
struct Answer {
  std::string body = "{}";
};

// The answer whose members `members(out)` writes.
template <typename Members>
Answer object(Members&& members) {
  JsonWriter out;
  out.object([&] { members(out); });
  return {std::move(out).text()};
}

using Handler = Result<Answer> (*)(Services&, Input&);

// `path` is that of the client's twin, "/api/2.0/mlflow/runs/get"; the other, the UI's, begins with /ajax-api.
// Every route says who may call it (net/access.h); one that says nothing is closed.
struct Route {
  std::string_view method;
  std::string_view path;
  Handler handler;
  Access access = Access::kUndeclared;  // closed
};

// Adds both twins of each. The handlers get the request's fields read; errors are answered in MLflow's shape.
void add(net::Router& router, Services& services, std::span<const Route> routes);

// Adds both twins of one route whose handler reads and answers by itself: files, text. `body_limit` as in net::Router.
void add(net::Router& router, std::string_view method, std::string_view path, Access access,
         const net::Handler& handler, std::size_t body_limit = 0);

// Both twins of a route that takes a body of any size.
void add_upload(net::Router& router, std::string_view method, std::string_view path, Access access,
                const net::UploadHandler& handler);

}  // namespace millrace::api::mlflow
