#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::bench {

// What a client says on one connection, in some protocol: one request at a time.
class Dialog {
 public:
  enum class Step { kNeedMore, kAnswered, kFailed };

  virtual ~Dialog() = default;
  // What comes before the first request.
  virtual std::string_view greeting() const { return {}; }
  // The bytes of a request, by its number among those made ready; valid until the next call.
  virtual std::string_view ask(std::size_t number) = 0;
  // Takes what was received. What must be said on the side is added to `reply`. Anything but a good answer is kFailed.
  virtual Step take(std::string_view received, std::string& reply) = 0;
  // After kAnswered the body, or the message; after kFailed what came instead.
  virtual std::string_view answer() const = 0;
};

// Requests made ready, which all connections share.
class Script {
 public:
  virtual ~Script() = default;
  virtual std::unique_ptr<Dialog> begin() const = 0;
  std::size_t requests() const { return requests_.size(); }

 protected:
  std::vector<std::string> requests_;
};

struct HttpRequest {
  std::string host;  // and port
  std::string target;
  std::vector<std::string> fields;  // "Name: value"
};

// POST of each of the bodies, or GET where there is none.
std::unique_ptr<Script> http_script(const HttpRequest& request, const std::vector<std::string>& bodies);

// A unary gRPC call with each of the messages; `method` is "/package.Service/Method".
std::unique_ptr<Script> grpc_script(const std::string& host, const std::string& method,
                                    const std::vector<std::string>& messages);

}  // namespace millrace::bench
