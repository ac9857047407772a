#include "tracking/needs.h"

#include "blob/blob.h"

namespace millrace::tracking {

namespace {

// One name for what has several: the key, where the URI is one of the server's own store.
std::string place_of(std::string_view uri) {
  std::string place = blob::key_of(uri).value_or(std::string(uri));
  while (place.ends_with('/')) place.pop_back();
  return place;
}

}  // namespace

Needs::Needs(const std::vector<Need>& needs) {
  for (const Need& need : needs) {
    if (!need.run_id.empty()) runs_.emplace(need.run_id, need.who);
    if (!need.uri.empty()) places_.emplace(place_of(need.uri), need.who);
  }
}

std::string_view Needs::of_run(std::string_view id) const {
  const auto found = runs_.find(id);
  return found == runs_.end() ? std::string_view() : found->second;
}

std::string_view Needs::below(std::string_view uri) const {
  const std::string place = place_of(uri);
  if (const auto itself = places_.find(place); itself != places_.end()) return itself->second;
  const auto next = places_.lower_bound(place + "/");
  return next != places_.end() && next->first.starts_with(place + "/") ? next->second : std::string_view();
}

}  // namespace millrace::tracking
