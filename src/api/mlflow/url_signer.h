#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "net/request.h"

namespace millrace::api {

// Makes addresses that may be used for a while without saying who one is, as an object store's signed ones. The secret
// lives as long as the process: a restart ends them all. Thread-safe.
class UrlSigner {
 public:
  static constexpr Duration kLifetime = std::chrono::hours(6);

  UrlSigner(IdSource& ids, const Clock& wall) : secret_(ids.next() + ids.next()), wall_(wall) {}

  // The absolute address of `path` (percent-encoded, without a query) on the server that `request` came to.
  std::string sign(const net::Request& request, std::string_view method, std::string_view path,
                   Duration lifetime = kLifetime) const;
  // kPermissionDenied where the query has no valid signature for the method and the path, or its time is over.
  Result<void> check(const net::Request& request, std::string_view path) const;

 private:
  std::string signature(std::string_view method, std::string_view path, std::string_view expires) const;

  const std::string secret_;
  const Clock& wall_;
};

}  // namespace millrace::api
