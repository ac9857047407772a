#include "net/target.h"

#include "net/text.h"

namespace millrace::net {
namespace {

// "http://host/a" -> "/a".
std::string_view without_authority(std::string_view target) {
  const auto scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return target;
  const auto slash = target.find_first_of("/?", scheme + 3);
  return slash == std::string_view::npos ? "/" : target.substr(slash);
}

Result<void> check_query(std::string_view query) {
  std::string decoded;
  if (!decode_percent(query, true, decoded)) {
    return invalid_argument("the query of the request has a malformed escape or NUL");
  }
  if (!is_utf8(decoded)) return invalid_argument("the query of the request is not UTF-8");
  return {};
}

}  // namespace

Result<void> Target::parse(std::string_view target) {
  target = without_authority(target);
  const auto mark = target.find('?');
  path_ = target.substr(0, mark);
  query_ = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
  if (path_.empty() && mark == 0) path_ = "/";
  if (!path_.starts_with('/') && path_ != "*") {
    return invalid_argument("the request target \"{}\" is not a path", target);
  }
  if (!query_.empty()) TRY(check_query(query_));
  TRY(decode_path());
  if (!is_utf8(path_)) return invalid_argument("the path of the request is not UTF-8");
  return {};
}

Result<void> Target::decode_path() {
  split(path_);
  if (path_.find('%') == std::string_view::npos) return {};
  decoded_.clear();
  decoded_.reserve(path_.size());  // decoding never lengthens, so the views below stay good
  for (auto& segment : segments_) {
    decoded_.push_back('/');
    const auto start = decoded_.size();
    if (!decode_percent(segment, false, decoded_)) {
      return invalid_argument("the path of the request has a malformed escape or NUL");
    }
    segment = std::string_view(decoded_).substr(start);
  }
  path_ = decoded_;
  return {};
}

void Target::split(std::string_view path) {
  segments_.clear();
  if (path == "*") segments_.push_back(path);
  std::size_t start = 1;
  while (path.starts_with('/') && start <= path.size()) {
    const auto slash = std::min(path.find('/', start), path.size());
    segments_.push_back(path.substr(start, slash - start));
    start = slash + 1;
  }
}

}  // namespace millrace::net
