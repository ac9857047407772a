#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace::net {

// A request target taken apart. Kept from request to request for its storage.
class Target {
 public:
  // Origin form ("/a/b?c"), absolute form ("http://host/a") or "*". kInvalidArgument for malformed escapes, NUL and
  // what is not UTF-8. The parts point into `target` or into this object.
  Result<void> parse(std::string_view target);

  std::string_view path() const { return path_; }
  std::string_view query() const { return query_; }
  // The decoded pieces of the path between slashes; an encoded slash does not part them. "/a/" has two: "a", "".
  std::span<const std::string_view> segments() const { return segments_; }

 private:
  Result<void> decode_path();
  void split(std::string_view path);

  std::string_view path_;
  std::string_view query_;
  std::string decoded_;
  std::vector<std::string_view> segments_;
};

}  // namespace millrace::net
